# The verdicts in what `prove -v` prints, subtests included; numbers in names are ports and processes.
/^t\/.*\.t \./ { file = $1 }
/ \.\.\.* (ok|skipped|Failed)/ { next }
match($0, /^ *(not )?ok [0-9]+( - )?/) {
    name = substr($0, RLENGTH + 1)
    verdict = /^ *not/ ? (/# TODO/ ? "skip" : "fail") : (/# [sS][kK][iI][pP]/ ? "skip" : "pass")
    gsub(/[0-9][0-9][0-9]+/, "N", name)
    print verdict, file ": " name
}

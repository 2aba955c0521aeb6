# The verdicts in what `prove -v` prints, subtests included. Numbers in names are ports and processes, and
# memcached's hold random text.
/^t\/.*\.t \./ { file = $1 }
/ \.\.\.* (ok|skipped|Failed)/ { next }
match($0, /^ *(not )?ok [0-9]+( - )?/) {
    name = substr($0, RLENGTH + 1)
    verdict = /^ *not/ ? (/# TODO/ ? "skip" : "fail") : (/# [sS][kK][iI][pP]/ ? "skip" : "pass")
    gsub(/[0-9][0-9][0-9]+/, "N", name)
    gsub(/\047[A-Z]+\047/, "TEXT", name)
    print verdict, file ": " name
}

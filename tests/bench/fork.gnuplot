# How the cost of a fork grows with the guarded connections; called by `report`.
set terminal svg size 720,420 font "sans-serif,13" background "white"
set output directory."/fork.svg"
set logscale xy
set grid
set key bottom right
set xlabel "guarded connections of the process"
set ylabel "added to fork + exit + wait, in microseconds"
data = directory."/fork.dat"
plot data using 1:2 index 0 with linespoints lw 2 title "redisguard", \
     data using 1:2 index 1 with linespoints lw 2 title "redisguard, beside 10,000 other descriptors", \
     data using 1:3 index 0 with linespoints lw 2 dt 2 title "getsockopt + dup3, by hand", \
     x with lines dt 3 lc "gray" title "1 microsecond a connection"

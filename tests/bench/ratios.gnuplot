# What the guard costs in each row of the table, with its interval; called by `report`.
set terminal svg size 900,440 font "sans-serif,13" background "white" noenhanced
set output directory."/ratios.svg"
set grid x
unset key
set xlabel "time with redisguard / time of the base"
set ylabel "what was done"
set yrange [rows - 0.5:-0.5]
set arrow from 1, graph 0 to 1, graph 1 nohead dt 2
plot directory."/ratios.dat" using 2:0:3:4:ytic(1) with xerrorbars pt 7 lw 2

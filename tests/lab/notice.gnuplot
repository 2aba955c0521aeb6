# The time to notice, a line for each row of the table. report.py calls it with the variables data,
# out, rows and limit. Columns of data: which client (0: without the guard), line, seconds, budget,
# label.
set terminal svg size 1000, 190 + 20 * rows background 'white' font 'sans-serif,12'
set output out
set datafile separator '\t'
set title 'Time until the client notices that Redis is gone' offset screen -0.24, 0.01
set tmargin 5
set xlabel 'seconds since the fault'
set label 'client: fault: what the client was doing' at screen 0.48, graph 1.03 right \
    textcolor rgb '#555555'
set xrange [0:limit * 1.08]
set yrange [0.3:rows + 0.7]
set xtics 0, 3
set grid xtics linecolor rgb '#dddddd'
set lmargin at screen 0.49
set rmargin at screen 0.97
set bmargin 9
set key at screen 0.97, screen 0.015 bottom right vertical maxrows 4 samplen 3
of(which) = int(column(1)) == which ? column(3) : NaN
told(which) = int(column(1)) == which ? column(4) : NaN
GREY = '#888888'
plot data using (of(0)):2:(limit * 0.04):(0):ytic(5) with vectors filled linewidth 2 \
         linecolor rgb '#c0392b' title 'without the guard: nothing noticed when the watch ended', \
     data using (0):2:(of(0)):(0) with vectors nohead linewidth 1 linecolor rgb '#e6b0aa' notitle, \
     data using (told(1)):2 with points pointtype 6 pointsize 1.2 linewidth 1.5 \
         linecolor rgb GREY title 'its budget: --detect; twice that where the client tries twice', \
     data using (told(2)):2 with points pointtype 6 pointsize 1.2 linewidth 1.5 \
         linecolor rgb GREY notitle, \
     data using (of(1)):2 with points pointtype 7 pointsize 0.7 linecolor rgb '#1f77b4' \
         title 'with the guard, smaller budget', \
     data using (of(2)):2 with points pointtype 7 pointsize 0.7 linecolor rgb '#2ca02c' \
         title 'with the guard, larger budget'

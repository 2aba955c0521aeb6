/*
 * nothing.c: a preload object with nothing in it: the least that any preload costs. The tests of
 * costs, and `make bench`, compare the guard with it.
 */
typedef int nothing;

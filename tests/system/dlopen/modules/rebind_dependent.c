/*
 * Has nothing of its own: what it offers is in a dependency, modules/rebind_caller.c, that the
 * loader brings in with it.
 */
extern const int rebind_dependent;
const int rebind_dependent = 1;

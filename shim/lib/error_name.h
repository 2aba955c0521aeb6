/*
 * error_name.h: an error of a system call by its name in errno(3). Called by whoever logs one.
 */
#ifndef ERROR_NAME_H
#define ERROR_NAME_H

/* "EPERM" for -EPERM, as kernel.h's calls return it. */
const char *error_name(int error);

#endif

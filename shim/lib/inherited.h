/*
 * inherited.h: the parent's side of a fork, for the log alone: which connections do its children
 * inherit?
 *
 * Async-signal-safe. Called after a fork by the pthread_atfork handler, and by the _Fork hook,
 * which no handler sees.
 */
#ifndef INHERITED_H
#define INHERITED_H

/*
 * Writes a line for each connection on record that no line was written for yet. Without a log it
 * costs a comparison; at most 64 connections are asked about at a time, the others at the next
 * fork.
 *
 * Whether the child will only execute a program cannot be known here: it too is cut off until then,
 * so that the line is true, and it comes once a connection.
 */
void inherited_report(void);

#endif

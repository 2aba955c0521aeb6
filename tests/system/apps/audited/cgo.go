// Go that waits in BLPOP of hiredis: libc's connect, which a pure Go program does not call.
package main

/*
#cgo LDFLAGS: -lhiredis
#include <hiredis/hiredis.h>
#include <stdlib.h>

static void wait_in_blpop(void)
{
	redisContext *client = redisConnect("127.0.0.1", atoi(getenv("PORT")));
	redisCommand(client, "BLPOP nothing 0");
}
*/
import "C"

func main() {
	C.wait_in_blpop()
}

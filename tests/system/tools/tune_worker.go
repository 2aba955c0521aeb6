// A worker in Go, whose net package makes its own system calls: no preload can reach it. Waits in
// BRPOP without any timeout and says what ended the wait.
//
//	tune_worker ADDRESS
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	connection, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	fmt.Fprint(connection, "BRPOP jobs 0\r\n")
	fmt.Println("waits")
	reply := make([]byte, 256)
	if _, err = connection.Read(reply); err != nil {
		fmt.Println("lost:", err)
		return
	}
	fmt.Println("popped")
}

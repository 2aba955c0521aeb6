import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/**
 * Workers in a JVM, a thread each with a plain java.net.Socket, that take jobs with BRPOP and
 * connect again after any error. The lab and tests/system/dead_peer/outage.c call it as: java JvmWorker HOST
 * PORT QUEUE WORKERS SECONDS (of the workers' own read timeout; 0: none)
 */
class JvmWorker {
    public static void main(String[] words) {
        for (int i = Integer.parseInt(words[3]); i > 0; i--)
            new Thread(() -> work(words)).start();
    }

    static synchronized void say(String event, String text) {
        System.out.print(event + " " + text + "\n");
        System.out.flush();
    }

    static void work(String[] words) {
        for (;;) {
            try (Socket socket = new Socket(words[0], Integer.parseInt(words[1]))) {
                socket.setSoTimeout(Integer.parseInt(words[4]) * 1000);
                say("connected", "");
                takeJobs(socket, words[2]);
            } catch (IOException lost) {
                say("lost", lost.getMessage());
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException ended) {
                return;
            }
        }
    }

    static void takeJobs(Socket socket, String queue) throws IOException {
        byte[] command = ("BRPOP " + queue + " 0\r\n").getBytes(StandardCharsets.US_ASCII);
        for (;;) {
            socket.getOutputStream().write(command);
            String[] reply = new String[5]; // *2, $, the queue, $, the job
            for (int i = 0; i < reply.length; i++)
                reply[i] = line(socket.getInputStream());
            say("job", reply[4]);
        }
    }

    static String line(InputStream input) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c; (c = input.read()) != '\n';) {
            if (c < 0)
                throw new IOException("end of file");
            line.append((char) c);
        }
        return line.toString().trim();
    }
}

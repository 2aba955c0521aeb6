/*
 * The examples, each checked by its own tool and run for real: PHP, the C compiler, supervisord,
 * runit, s6, systemd's verifier. Where an example begins with the commands that install it, these
 * are carried out, below the test's own directory. Nothing is built or installed elsewhere.
 */
#include "redisguard.h"
#include "support.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* s: what the examples ask for, what a test here can wait for, and how much later is in time. */
enum { DETECT_IN_EXAMPLES = 15, DETECT = 4, MARGIN = 1 };

static void needs(const char *tool)
{
    if (run_program(WORDS("sh", "-c", "command -v \"$0\"", tool), NULL).status != 0)
        cr_skip_test("needs %s: tests/dependencies test", tool);
}

static char *from_shell(const char *script, const char *argument, const char *other)
{
    return output_of(WORDS("sh", "-e", "-c", script, "sh", argument, other));
}

static char *example(const char *name)
{
    return text(SOURCE_DIR "/examples/%s", name);
}

/* ---- PHP ---- */

static void php_finds_no_fault_with(const char *script)
{
    struct outcome outcome = run_program(
        WORDS("php", "-d", "error_reporting=-1", "-d", "display_errors=1", "-l", script), NULL);
    cr_expect_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_expect_str_eq(outcome.out, text("No syntax errors detected in %s\n", script));
}

Test(examples, php_finds_no_fault_with_any_of_its_own)
{
    char *scripts = from_shell("printf '%s\\n' \"$1\"*.php", example(""), NULL);
    for (char *script = strtok(scripts, "\n"); script != NULL; script = strtok(NULL, "\n"))
        php_finds_no_fault_with(script);
}

/* ---- brpop-worker.php ---- */

#define WORKER "brpop-worker.php"

static struct program *start_worker(const struct server *server, const char *const more[])
{
    return start_program(WORDS("php", example(WORKER), "--port", text("%d", server->port)),
                         guarded(server, more));
}

static void wait_until_it_waits(const struct server *server)
{
    WAIT_UNTIL(strstr(redis_ask(server, "INFO clients"), "blocked_clients:1") != NULL);
}

static void takes_an_item(struct program *worker, const struct server *server, const char *item)
{
    redis_ask(server, "LPUSH jobs %s", item);
    wait_for_line(worker, text(" item {\"payload\":\"%s\"}", item));
}

/* All that it has said, be it to its supervisor. */
static char *told_by(struct outcome outcome)
{
    return text("%s%s", outcome.out, outcome.err);
}

static void ends_in_order(struct program *program, int signal)
{
    kill(program->pid, signal);
    struct outcome outcome = finish_program(program);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    const char *stopping = text(" stopping {\"signal\":%d}", signal);
    cr_expect(strstr(told_by(outcome), stopping) != NULL, "%s", told_by(outcome));
    cr_expect(strstr(told_by(outcome), " stopped {\"items\":") != NULL, "%s", told_by(outcome));
}

static void every_line_is_an_event(char *lines, pid_t worker)
{
    regex_t event;
    const char *form = text("^[0-9-]{10}T[0-9:.]{12}Z brpop-worker\\[%d\\] "
                            "(started|connected|item|stopping|stopped) \\{.*\\}$",
                            (int)worker);
    cr_assert_eq(regcomp(&event, form, REG_EXTENDED | REG_NOSUB), 0);
    for (char *line = strsep(&lines, "\n"); lines != NULL; line = strsep(&lines, "\n"))
        cr_expect_eq(regexec(&event, line, 0, NULL, 0), 0, "not an event: %s", line);
}

Test(examples, brpop_worker_takes_items_and_says_so_in_one_line_each)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    takes_an_item(worker, server, "first");
    redis_ask(server, "LPUSH jobs %s", "two\nlines \"quoted\" \xff");
    wait_for_line(worker, " item {\"payload\":\"two\\nlines \\\"quoted\\\" \\ufffd\"}");

    kill(worker->pid, SIGTERM);
    struct outcome outcome = finish_program(worker);
    cr_expect_str_empty(outcome.out);
    cr_expect(strstr(outcome.err, " stopped {\"items\":2}\n") != NULL, "%s", outcome.err);
    every_line_is_an_event(outcome.err, worker->pid);
}

static void ends_while_it_waits(int signal)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    ends_in_order(worker, signal);
}

Test(examples, brpop_worker_ends_in_order_on_sigterm_while_it_waits)
{
    ends_while_it_waits(SIGTERM);
}

Test(examples, brpop_worker_ends_in_order_on_sigint_while_it_waits)
{
    ends_while_it_waits(SIGINT);
}

Test(examples, brpop_worker_ends_in_order_while_redis_is_away)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    stop_redis(server);
    wait_for_line(worker, " lost {\"error\":\"Connection refused\"");
    ends_in_order(worker, SIGTERM);
}

Test(examples, brpop_worker_comes_back_authenticated_when_the_server_drops_it)
{
    struct server *server = start_redis(WORDS("--requirepass", "secret"));
    struct program *worker = start_worker(server, WORDS("REDIS_PASSWORD=secret"));
    wait_for_line(worker, " connected ");
    wait_until_it_waits(server);
    cr_assert_str_eq(redis_ask(server, "CLIENT KILL TYPE normal"), "1");
    wait_for_line(worker, " lost ");
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
    ends_in_order(worker, SIGTERM);
}

/* phpredis 5.3.7 of itself connects again and waits there for the reply to what it had sent here.
 * strace stops the worker behind its first command, and the server drops it at this moment. */
Test(examples, brpop_worker_is_not_stuck_when_the_server_drops_it_before_it_reads)
{
    needs("strace");
    struct server *server = start_redis(NULL);
    struct program *worker =
        start_program(WORDS("strace", "-D", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                            "inject=sendto:signal=STOP:when=1", "php", example(WORKER), "--port",
                            text("%d", server->port), "--block", "600"),
                      guarded(server, NULL));
    wait_until_it_waits(server);
    cr_assert_str_eq(redis_ask(server, "CLIENT KILL TYPE normal"), "1");
    kill(worker->pid, SIGCONT);
    wait_for_line(worker, " lost ");
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
}

/* In a private network nobody takes the port meanwhile. */
Test(examples, brpop_worker_comes_back_when_the_server_was_restarted)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    stop_redis(server);
    wait_for_line(worker, " lost ");
    struct server *restarted = start_redis(WORDS("--port", text("%d", server->port)));
    wait_for_line(worker, " connected ");
    takes_an_item(worker, restarted, "afterwards");
    ends_in_order(worker, SIGTERM);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(examples, brpop_worker_notices_a_cut_within_detect_and_a_second_and_is_back_when_it_heals)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, WORDS(text("REDISGUARD_DETECT=%d", DETECT)));
    wait_for_line(worker, " connected ");
    wait_until_it_waits(server);

    double cut = seconds_now();
    cut_link(server);
    wait_for_line(worker, " lost ");
    double elapsed = seconds_now() - cut;
    cr_expect(elapsed <= DETECT + MARGIN, "noticed only after %.1f s", elapsed);

    /* The server knows nothing yet, and might hand an item to the connection that is gone. */
    redis_ask(server, "CLIENT KILL TYPE normal");
    heal_link();
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
    ends_in_order(worker, SIGTERM);
}

Test(examples, brpop_worker_refuses_a_port_that_is_a_url)
{
    struct outcome outcome =
        run_program(WORDS("php", example(WORKER)), WORDS("REDIS_PORT=tcp://10.0.0.7:6379"));
    cr_expect_eq(outcome.status, 2, "status %d", outcome.status);
    cr_expect(strstr(outcome.err, "port is 'tcp://10.0.0.7:6379'") != NULL, "%s", outcome.err);
}

/* ---- trap.php ---- */

static struct outcome trap(const struct server *server, const char *more, const char *trapped)
{
    return run_program(WORDS("php", example("trap.php"), "--port", text("%d", server->port), more),
                       guarded(server, WORDS(trapped)));
}

static void the_worker_gets_its_answer(struct outcome outcome)
{
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_expect_str_eq(outcome.out, "the worker got its answer\n");
    cr_expect_str_empty(outcome.err);
}

Test(examples, trap_names_the_file_and_the_line_that_connects_too_early)
{
    struct server *server = start_redis(NULL);
    const char *program = example("trap.php");
    int line = atoi(from_shell("grep -n 'the guilty line' \"$1\"", program, NULL));
    struct outcome outcome = trap(server, NULL, "REDISGUARD_TRAP=1");
    cr_expect_eq(outcome.status, 255, "status %d", outcome.status);
    cr_expect(strstr(outcome.err, text("%s(%d): connect()\n", program, line)) != NULL, "%s",
              outcome.err);
}

Test(examples, trap_is_silent_when_it_is_not_set)
{
    the_worker_gets_its_answer(trap(start_redis(NULL), NULL, NULL));
}

Test(examples, trap_is_silent_about_the_mended_program)
{
    the_worker_gets_its_answer(trap(start_redis(NULL), "--mended", "REDISGUARD_TRAP=1"));
}

/* ---- weak-api.c ---- */

static void weak_api_prints(const struct server *server, const char *const env[], const char *lines)
{
    static char *program;
    if (!program) {
        program = text("%s/weak-api", scratch_directory());
        output_of(WORDS("cc", "-Wall", "-Wextra", "-Werror", "-I", example("../include"), "-o",
                        program, example("weak-api.c")));
    }
    struct outcome outcome =
        run_program(WORDS(program, "127.0.0.1", text("%d", server->port)), env);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_expect_str_eq(outcome.out, lines);
}

Test(examples, weak_api_runs_with_and_without_the_library)
{
    struct server *server = start_redis(NULL);
    weak_api_prints(server, NULL,
                    "library=absent\nguarded=unknown\nreleased=unneeded\nguarded=unknown\n");
    weak_api_prints(server, guarded(server, NULL),
                    "library=" REDISGUARD_VERSION "\nguarded=1\nreleased=1\nguarded=0\n");
    weak_api_prints(server, guarded(server, WORDS("REDISGUARD_DISABLE=1")),
                    "library=" REDISGUARD_VERSION
                    "\nguarded=0\nreleased=0 (No such file or directory)\nguarded=0\n");
}

/* ---- installed as the example says ---- */

/* $1: the example; $2: where / is. The commands stand in its comments. */
static const char installation[] =
    "mkdir \"$2\"\n"
    "ln -s '" BUILD_DIR "' \"$2/build\"\n"
    "ln -s '" SOURCE_DIR "/examples' \"$2/examples\"\n"
    "sed 's/^[#;] *//' \"$1\" | sed -e :again -e '/\\\\$/N; s/\\\\\\n *//; t again' |\n"
    "    grep -E '^(install|echo) ' | sed \"s|\\([ >]\\)/|\\1$2/|g\" >\"$2/commands\"\n"
    "cd \"$2\" && . ./commands\n";

static char *install_as_told(const char *example)
{
    char *root = text("%s/root", scratch_directory());
    from_shell(installation, example, root);
    return root;
}

/* The command, where /usr/local is what has been installed. */
static struct program *start_installed(const char *root, const char *command)
{
    if (run_program(WORDS("unshare", "--mount", "true"), NULL).status != 0)
        cr_skip_test("needs a mount namespace: run as root, or under unshare --map-root-user");
    return start_program(
        WORDS("unshare", "--mount", "sh", "-c",
              text("mount --bind %s/usr/local /usr/local && exec env %s", root, command)),
        WORDS("PATH=/usr/local/bin:/usr/bin:/bin", "REDISGUARD_STRICT=1"));
}

/* What follows after a word at the beginning of its lines. */
static char *settings_in(const char *example, const char *word)
{
    return from_shell("sed -n \"s/^$2//p\" \"$1\" | tr '\\n' ' '", example, word);
}

/* Until the first probe, as ss(8) puts it: "timer:(keepalive,14sec,0)", and below ten seconds
 * "9.536ms". phpredis itself sets no such timer. */
static double seconds_to_first_probe(const struct server *server)
{
    double seconds = -1;
    const char *timer = strstr(sockets_to(server->port), "timer:(keepalive,");
    if (timer != NULL)
        sscanf(timer, "timer:(keepalive,%lf", &seconds);
    return seconds;
}

static void is_at_work_and_guarded(struct program *supervisor, const struct server *server)
{
    double seconds = -1;
    wait_for_line(supervisor, " connected ");
    WAIT_UNTIL((seconds = seconds_to_first_probe(server)) >= 0);
    cr_expect(seconds <= DETECT_IN_EXAMPLES, "the first probe is %.0f s away", seconds);
    takes_an_item(supervisor, server, "supervised");
}

/* ---- supervisors ---- */

static void supervises(const char *const argv[])
{
    needs(argv[0]);
    struct server *server = start_redis(NULL);
    struct program *supervisor = start_program(
        argv, WORDS(text("PATH=%s:%s", BUILD_DIR, getenv("PATH")),
                    text("PHP_WORKER=%s", example(WORKER)), text("REDIS_PORT=%d", server->port),
                    text("REDISGUARD_PORTS=%d", server->port), "REDISGUARD_STRICT=1"));
    is_at_work_and_guarded(supervisor, server);
    ends_in_order(supervisor, SIGTERM);
}

/* Its pid file goes to the working directory. */
Test(examples, supervisord_runs_a_guarded_worker)
{
    needs("supervisord");
    supervises(
        WORDS("env", "-C", scratch_directory(), "supervisord", "-c", example("supervisord.conf")));
}

Test(examples, runit_runs_a_guarded_worker)
{
    supervises(
        WORDS("runsv", text("%s/etc/sv/redis-worker", install_as_told(example("runit/run")))));
}

Test(examples, s6_runs_a_guarded_worker)
{
    supervises(
        WORDS("s6-supervise", text("%s/etc/s6/redis-worker", install_as_told(example("s6/run")))));
}

/* ---- systemd ---- */

#define UNIT "redisguard-worker.service"

/* Of its warnings only those about this unit count; without the option it ends with 0 for any. */
static struct outcome verified(const char *unit)
{
    return run_program(WORDS("systemd-analyze", "verify", "--recursive-errors=no", unit), NULL);
}

Test(examples, systemd_finds_no_fault_with_its_unit)
{
    needs("systemd-analyze");
    struct outcome outcome = verified(example(UNIT));
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    cr_expect(strstr(told_by(outcome), UNIT) == NULL, "%s", told_by(outcome));
}

Test(examples, systemd_would_find_a_misspelt_key)
{
    needs("systemd-analyze");
    const char *misspelt = from_shell("sed s/KillMode/KilMode/ \"$1\"", example(UNIT), NULL);
    struct outcome outcome = verified(scratch_file(UNIT, misspelt, 0644));
    cr_expect_neq(outcome.status, 0);
    cr_expect(strstr(outcome.err, "KilMode") != NULL, "%s", outcome.err);
}

/* Without systemd: its command with its variables, on Redis's own port. */
Test(examples, the_systemd_units_command_is_guarded_by_the_units_variables)
{
    enter_private_network();
    struct server *server = start_redis(WORDS("--port", "6379"));
    char *command = text("%s %s", settings_in(example(UNIT), "Environment="),
                         settings_in(example(UNIT), "ExecStart="));
    struct program *worker = start_installed(install_as_told(example(UNIT)), command);
    is_at_work_and_guarded(worker, server);
    ends_in_order(worker, SIGTERM);
}

/* ---- Dockerfile ---- */

/* $1: the Dockerfile; $2: where / is. Its first stage, but for the packages: a fresh copy of what
 * it copies, made and installed, in an environment as bare as the image's. */
static const char guard_stage[] =
    "mkdir -p \"$2/src\"\n"
    "sed -e :again -e '/\\\\$/N; s/\\\\\\n *//; t again' \"$1\" |\n"
    "    sed -n '/ AS guard$/,/^FROM [^ ]*$/p' | sed -nE -e \"/^RUN/s| /usr/| $2/usr/|g\" \\\n"
    "    -e 's|^RUN (make.*)|\\1|p' -e 's|^COPY ([^ ]+) |cp -R " SOURCE_DIR "/\\1 |p' \\\n"
    "    >\"$2/commands\"\n"
    "cd \"$2/src\" && env -i PATH=\"$PATH\" sh -e ../commands\n";

static char *build_guard_stage(void)
{
    char *root = text("%s/guard", scratch_directory());
    from_shell(guard_stage, example("Dockerfile"), root);
    return root;
}

/* $1: the Dockerfile. What a container runs, with the image's variables; what was copied into the
 * image is at its place in the source tree. */
static const char entry_point[] =
    "copied=$(sed -nE 's|^COPY ([^-][^ ]*) (/.+)|s#\\2#" SOURCE_DIR "/\\1#|p' \"$1\")\n"
    "for word in ENV ENTRYPOINT CMD; do sed -n \"s/^$word //p\" \"$1\"; done |\n"
    "    tr -d '[],\"' | tr '\\n' ' ' | sed \"$copied\"\n";

Test(examples, the_image_runs_a_guarded_worker)
{
    enter_private_network();
    struct server *server = start_redis(WORDS("--port", "6379"));
    struct program *worker =
        start_installed(build_guard_stage(), from_shell(entry_point, example("Dockerfile"), NULL));
    is_at_work_and_guarded(worker, server);
    ends_in_order(worker, SIGTERM);
}

/* At the same place, since the wrapper has the library's path from there. */
Test(examples, the_image_takes_what_the_first_stage_has_installed_to_the_same_place)
{
    char *paths = settings_in(example("Dockerfile"), "COPY --from=guard ");
    char *root = build_guard_stage();
    cr_assert_str_not_empty(paths);
    for (char *from = strtok(paths, " "); from != NULL; from = strtok(NULL, " ")) {
        output_of(WORDS("test", "-e", text("%s%s", root, from)));
        cr_expect_str_eq(strtok(NULL, " "), from);
    }
}

/* ---- kubernetes.yaml ---- */

/* Prints what the init container copies; into which volume, and where there; out of which volume,
 * and from where there, the worker loads it; the worker's variables. A line each. */
static const char reading_yaml[] =
    "import os, sys, yaml\n"
    "pod = yaml.safe_load(open(sys.argv[1]))['spec']['template']['spec']\n"
    "init, worker = pod['initContainers'][0], pod['containers'][0]\n"
    "command, source, target = init['command']\n"
    "variables = {v['name']: v['value'] for v in worker['env'] if 'value' in v}\n"
    "def in_volume(path, container):\n"
    "    mount, = container['volumeMounts']\n"
    "    assert mount['name'] in [volume['name'] for volume in pod['volumes']]\n"
    "    return mount['name'] + ':' + os.path.relpath(path, mount['mountPath'])\n"
    "print(source)\n"
    "print(in_volume(os.path.join(target, os.path.basename(source)), init))\n"
    "print(in_volume(variables['LD_PRELOAD'], worker))\n"
    "assert all(isinstance(value, str) for value in variables.values()), variables\n"
    "print(' '.join(name + '=' + value for name, value in variables.items()))\n";

enum { COPIED, COPIED_TO, LOADED_FROM, VARIABLES, FACTS };

static void read_yaml(char *facts[FACTS])
{
    const char *python = "/usr/bin/python3"; /* Debian's, which python3-yaml belongs to */
    if (run_program(WORDS(python, "-c", "import yaml"), NULL).status != 0)
        cr_skip_test("needs python3-yaml: tests/dependencies test");
    char *lines = output_of(WORDS(python, "-c", reading_yaml, example("kubernetes.yaml")));
    for (int fact = 0; fact < FACTS; fact++)
        facts[fact] = strsep(&lines, "\n");
}

Test(examples, the_pods_worker_loads_what_its_init_container_copied_out_of_the_image)
{
    char *facts[FACTS];
    read_yaml(facts);
    output_of(WORDS("test", "-f", text("%s%s", build_guard_stage(), facts[COPIED])));
    cr_expect_str_eq(facts[LOADED_FROM], facts[COPIED_TO]);
    cr_expect_str_eq(facts[LOADED_FROM], "redisguard:libredisguard.so");
}

/* But for the two that only a cluster can give a meaning to. */
Test(examples, the_pods_worker_is_guarded_by_the_pods_variables)
{
    char *facts[FACTS];
    read_yaml(facts);
    enter_private_network();
    struct server *server = start_redis(WORDS("--port", "6379"));
    struct program *worker =
        start_program(WORDS("sh", "-c",
                            text("exec env %s LD_PRELOAD=" LIBRARY " REDIS_HOST=127.0.0.1 php %s",
                                 facts[VARIABLES], example(WORKER))),
                      WORDS("REDISGUARD_STRICT=1"));
    is_at_work_and_guarded(worker, server);
    ends_in_order(worker, SIGTERM);
}

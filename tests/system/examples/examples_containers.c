/*
 * The examples for containers. There is neither Docker nor a cluster here: the Dockerfiles are
 * carried out step by step in systems of the test's own (recipes/image), but for the packages, and
 * the pod's commands with the pod's variables. What an image of Alpine has is put together from
 * musl's compiler and busybox (recipes/alpine).
 */
#include "examples.h"
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct program *start_image(const char *dockerfile, const char *const env[],
                                   const char *const words[])
{
    enum { WORDS_AT_MOST = 16 };
    const char *argv[7 + WORDS_AT_MOST + 1] = {
        "unshare",           "--mount", RECIPES "/image", scratch_directory(), SOURCE_DIR,
        example(dockerfile), "/"};
    for (size_t i = 0; words && words[i]; i++) {
        cr_assert(i < WORDS_AT_MOST);
        argv[7 + i] = words[i];
    }
    return start_program(argv, env);
}

/* ---- Docker, on Debian ---- */

Test(examples, image_runs_guarded_worker)
{
    struct server *server = start_redis_on_its_port();
    struct program *worker = start_image("Dockerfile", NULL, NULL);
    is_at_work_and_guarded(worker, server);
    is_seen_to_work(worker, 1);
    ends_in_order(worker, SIGTERM);
}

/* ---- Docker, on Alpine ---- */

/* musl's own program, and the library that the image's first stage has built with musl's compiler.
 */
Test(examples, image_on_alpine_guards_program_of_musls)
{
    needs("musl-gcc");
    needs("busybox");
    struct server *server = start_redis_on_its_port();
    struct program *program =
        start_image("Dockerfile.alpine",
                    WORDS("ALIKE=" RECIPES "/alpine", "IMAGE_PATH=/usr/local/bin:/alpine/bin"),
                    WORDS("sockets", "version", "socket=tcp", connect_step(server), "guards",
                          "fork", "ping", "wait", "ping"));
    struct outcome outcome = finish_program(program);
    cr_assert_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    EXPECT_LINES(outcome.out,
                 "version " REDISGUARD_VERSION "\nsocket 3\nconnect 0\nguards 1\nchild\n"
                 "ping -1 Broken pipe\nparent\nping +PONG\n");
}

/* ---- kubernetes.yaml ---- */

/* Prints the init container's command; the path where the worker, which sees the same volume, finds
 * what was copied; the worker's variables and command. A line each. */
static const char reading_yaml[] =
    "import os, sys, yaml\n"
    "pod = yaml.safe_load(open(sys.argv[1]))['spec']['template']['spec']\n"
    "init, worker = pod['initContainers'][0], pod['containers'][0]\n"
    "variables = {v['name']: v['value'] for v in worker['env'] if 'value' in v}\n"
    "def mount(container):\n"
    "    mount, = container['volumeMounts']\n"
    "    assert mount['name'] in [volume['name'] for volume in pod['volumes']]\n"
    "    return mount['name'], mount['mountPath']\n"
    "assert mount(init)[0] == mount(worker)[0]\n"
    "assert all(isinstance(value, str) for value in variables.values()), variables\n"
    "print(' '.join(init['command']))\n"
    "print(mount(init)[1])\n"
    "print(mount(worker)[1])\n"
    "print(' '.join(name + '=' + value for name, value in variables.items()))\n"
    "print(' '.join(worker['command']))\n";

enum { INIT, VOLUME_OF_INIT, VOLUME_OF_WORKER, VARIABLES, COMMAND, FACTS };

static void read_yaml(char *facts[FACTS])
{
    const char *python = "/usr/bin/python3"; /* Debian's, which python3-yaml belongs to */
    if (run_program(WORDS(python, "-c", "import yaml"), NULL).status != 0)
        cr_skip_test("needs python3-yaml: tests/dependencies test");
    char *lines = output_of(WORDS(python, "-c", reading_yaml, example("kubernetes.yaml")));
    for (int fact = 0; fact < FACTS; fact++)
        facts[fact] = strsep(&lines, "\n");
}

/* Both containers from the first stage of the Dockerfile, one after the other, with the volume
 * moved from one to the other's place. Redis is not called redis here; the worker is in the
 * sources. */
Test(examples, pods_worker_loads_what_its_init_container_copied_out_of_image)
{
    char *facts[FACTS];
    read_yaml(facts);
    struct server *server = start_redis_on_its_port();
    struct program *worker =
        start_image("Dockerfile", WORDS("STAGE=guard"),
                    WORDS("sh", "-e", "-c",
                          text("mkdir %s && %s && mv %s /volume && mv /volume %s && rm -r "
                               "/usr/local/lib/redisguard "
                               "&& mkdir /app && cp /src/examples/" WORKER " /app && exec env %s "
                               "REDIS_HOST=127.0.0.1 REDISGUARD_STRICT=1 %s",
                               facts[VOLUME_OF_INIT], facts[INIT], facts[VOLUME_OF_INIT],
                               facts[VOLUME_OF_WORKER], facts[VARIABLES], facts[COMMAND])));
    is_at_work_and_guarded(worker, server);
    ends_in_order(worker, SIGTERM);
}

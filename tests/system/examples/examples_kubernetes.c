/*
 * The examples for Kubernetes, read by kubectl. Without a cluster it decodes what it is given into
 * the types of its version, and leaves out what these do not have: a misspelt key does not come
 * back. A value of another type is an error.
 */
#include "examples.h"

#include <criterion/criterion.h>

/* Prints the keys that kubectl does not know. --local changes an image and asks no server. */
static const char asking_kubectl[] =
    "import json, subprocess, sys, yaml\n"
    "def unknown(given, known, path):\n"
    "    pairs = enumerate(given) if isinstance(given, list) else given.items()\n"
    "    for key, value in pairs:\n"
    "        if isinstance(given, dict) and key not in known:\n"
    "            print(f'{path}{key}')\n"
    "        elif isinstance(value, (dict, list)):\n"
    "            unknown(value, known[key], f'{path}{key}.')\n"
    "for given in yaml.safe_load_all(sys.stdin):\n"
    "    if 'template' in given.get('spec', {}):\n"
    "        decoded = subprocess.run(['kubectl', 'set', 'image', '--local', '-f', '-',\n"
    "            '*=another:1', '-o', 'json'], input=json.dumps(given), text=True,\n"
    "            stdout=subprocess.PIPE, check=True).stdout\n"
    "        unknown(given, json.loads(decoded), '')\n"
    "        print(given['kind'])\n";

/* Debian 12 has kubectl 1.20; appArmorProfile is of 1.30. */
static char *read_by_kubectl(const char *name, const char *edit)
{
    const char *python = "/usr/bin/python3"; /* Debian's, which python3-yaml belongs to */
    needs("kubectl");
    if (run_program(WORDS(python, "-c", "import yaml"), NULL).status != 0)
        cr_skip_test("needs python3-yaml: tests/dependencies test");
    return from_shell(
        text("sed -e '%s' \"$1\" | %s -c \"$2\" | grep -v '\\.appArmorProfile$'", edit, python),
        example(name), asking_kubectl);
}

Test(examples, kubectl_knows_every_key_of_the_pod)
{
    cr_expect_str_eq(read_by_kubectl("kubernetes.yaml", ""), "Deployment\n");
}

Test(examples, kubectl_knows_every_key_of_the_daemon_set)
{
    cr_expect_str_eq(read_by_kubectl("kubernetes-tune.yaml", ""), "DaemonSet\n");
}

Test(examples, kubectl_would_not_know_a_misspelt_key_of_the_daemon_set)
{
    cr_expect_str_eq(read_by_kubectl("kubernetes-tune.yaml", "s/hostPID/hostPid/"),
                     "spec.template.spec.hostPid\nDaemonSet\n");
}

/*
 * What a master in C and its forked children do with one connection, whatever the client: the
 * scenarios of clients.c, which says what each prints. The programs that include this say how to
 * ask and to hear, and call run().
 */
#ifndef REDISGUARD_TESTS_CLIENTS_SCENARIOS_H
#define REDISGUARD_TESTS_CLIENTS_SCENARIOS_H

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONGEST = 256 };

/* To be defined by the program. Each writes the reply as words, or the kind of error; after an
 * error the program has connected again. */
static bool do_ask(char answer[LONGEST], const char *command);
static bool do_hear(char message[LONGEST]);
static void after_fork(void);

static int number_in(const char *variable)
{
    const char *value = getenv(variable);
    return value ? atoi(value) : 0;
}

/* SIGALRM ends a process that gets neither an answer nor an error. */
static void be_patient(unsigned times)
{
    alarm(times * (unsigned)number_in("PATIENCE"));
}

static bool ask(char answer[LONGEST], const char *command)
{
    be_patient(strncmp(command, "BLPOP", 5) == 0 ? 2 : 1);
    bool asked = do_ask(answer, command);
    alarm(0);
    return asked;
}

static bool hear(char message[LONGEST])
{
    be_patient(2);
    bool heard = do_hear(message);
    alarm(0);
    return heard;
}

static void say(const char *name, const char *value)
{
    dprintf(1, "%s %s\n", name, value);
}

/* The elements of an array with a space between them. */
static inline void put_reply(const redisReply *reply, char answer[LONGEST])
{
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(answer, LONGEST, "%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_NIL)
        snprintf(answer, LONGEST, "nothing");
    else if (reply->type != REDIS_REPLY_ARRAY)
        snprintf(answer, LONGEST, "%s", reply->str);
    else
        answer[0] = '\0';
    size_t used = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        char element[LONGEST];
        put_reply(reply->element[i], element);
        used += (size_t)snprintf(answer + used, LONGEST - used, "%s%s", i ? " " : "", element);
        if (used >= LONGEST)
            return;
    }
}

static inline void put_error(int kind, char answer[LONGEST])
{
    snprintf(answer, LONGEST, "%s",
             kind == REDIS_ERR_EOF        ? "REDIS_ERR_EOF"
             : kind == REDIS_ERR_IO       ? "REDIS_ERR_IO"
             : kind == REDIS_ERR_PROTOCOL ? "REDIS_ERR_PROTOCOL"
                                          : "REDIS_ERR_OTHER");
}

static void work(int worker)
{
    char answer[LONGEST];
    for (int get = 0; get < number_in("GETS"); get++) {
        char key[LONGEST];
        char command[LONGEST + 8];
        snprintf(key, sizeof key, "key:%d:%d", worker, get);
        snprintf(command, sizeof command, "GET %s", key);
        bool asked = ask(answer, command);
        const char *found = !asked ? answer : strcmp(answer, key) == 0 ? "right" : "wrong";
        if (get == 0)
            say("first", found);
        if (strcmp(found, "right") != 0)
            say("reply", found);
    }
    ask(answer, "GET where");
    say("database", answer);
}

static void work_when_told(int worker)
{
    char line[LONGEST];
    if (fgets(line, sizeof line, stdin))
        work(worker);
    ask(line, "SET worked yes");
    say("worked", line);
}

static void set_in_transaction(int unused)
{
    (void)unused;
    char answer[LONGEST];
    ask(answer, "SET of-child 1");
    say("child", strcmp(answer, "QUEUED") == 0 ? "queued"
                 : strcmp(answer, "OK") == 0   ? "ok"
                                               : answer);
}

static void hear_one(int unused)
{
    (void)unused;
    char message[LONGEST];
    say("child", hear(message) ? "heard" : message);
}

static pid_t start(void (*job)(int), int worker)
{
    pid_t child = fork();
    if (child == 0) {
        after_fork();
        job(worker);
        exit(0);
    }
    return child;
}

static void say_how_it_ended(int status)
{
    char how[LONGEST];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, WTERMSIG(status) == SIGALRM ? "stuck" : "killed by %d",
                 WTERMSIG(status));
    else
        snprintf(how, sizeof how, "exit %d", WEXITSTATUS(status));
    if (status != 0)
        say("child", how);
}

static void wait_for(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    say_how_it_ended(status);
}

static void say_whose(const char *before)
{
    char now[LONGEST];
    bool asked = ask(now, "CLIENT ID");
    say("master", !asked ? now : strcmp(now, before) == 0 ? "same" : "other");
}

static void gets_scenario(const char *id)
{
    enum { MOST = 16 };
    pid_t children[MOST];
    int workers = number_in("WORKERS");
    for (int worker = 0; worker < workers && worker < MOST; worker++)
        children[worker] = start(work, worker);
    for (int worker = 0; worker < workers && worker < MOST; worker++)
        wait_for(children[worker]);
    say_whose(id);
}

static void pop_scenario(const char *id)
{
    char popped[LONGEST];
    pid_t child = start(work_when_told, 0);
    ask(popped, "BLPOP queue 0");
    say("popped", popped);
    wait_for(child);
    say_whose(id);
}

static int words_in(char *words)
{
    int count = 0;
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        count++;
    return count;
}

static void multi_scenario(const char *id)
{
    char answer[LONGEST];
    ask(answer, "MULTI");
    ask(answer, "SET of-master 1");
    wait_for(start(set_in_transaction, 0));
    if (ask(answer, "EXEC"))
        snprintf(answer, sizeof answer, "%d", words_in(answer));
    say("transaction", answer);
    say_whose(id);
}

/* Until the first message after the child's end: it may have taken any before that. */
static void subscribe_scenario(const char *id)
{
    (void)id;
    char message[LONGEST];
    char command[LONGEST];
    snprintf(command, sizeof command, "SUBSCRIBE %s", getenv("CHANNEL"));
    ask(message, command);
    bool hears = hear(message);
    int last = atoi(message);
    int lost = 0;
    pid_t child = start(hear_one, 0);
    say("forked", "yes");
    for (bool ended = false; (hears = hear(message));) {
        lost += atoi(message) - last - 1;
        last = atoi(message);
        if (ended)
            break;
        int status = 0;
        ended = waitpid(child, &status, WNOHANG) == child;
        say_how_it_ended(status);
    }
    if (hears)
        snprintf(message, sizeof message, "%d", lost);
    say("lost", message);
}

static void run(const char *scenario)
{
    char id[LONGEST];
    ask(id, "CLIENT ID");
    if (strcmp(scenario, "gets") == 0)
        gets_scenario(id);
    else if (strcmp(scenario, "pop") == 0)
        pop_scenario(id);
    else if (strcmp(scenario, "multi") == 0)
        multi_scenario(id);
    else
        subscribe_scenario(id);
}

#endif

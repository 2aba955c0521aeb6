/*
 * What a master in Node and its workers do, whatever the client: the scenarios of clients.c, which
 * says what each prints. Node's child_process.fork and cluster.fork are fork and exec: a worker
 * inherits no object, so it connects for itself where a child in another language uses what it
 * has; each prints too how many of the master's sockets it "shares". A client's own file gives run
 * its version and a function that connects, whose result has ask(word, ...), which resolves to the
 * reply, and follow(channel, hear).
 */
'use strict';
const { fork } = require('child_process');
const cluster = require('cluster');
const { readdirSync, readlinkSync, readSync } = require('fs');

const PATIENCE = Number(process.env.PATIENCE) * 1000;
const [, script, how, scenario] = process.argv;
const { WORKER: worker } = process.env; // its number; the master has none
let client;

const say = (name, value) => process.stdout.write(`${name} ${value}\n`);

// What the promise resolves to, or the kind of error. SIGALRM ends the process if there is neither.
async function outcome(promise, timesPatience = 1) {
  const timer = setTimeout(() => process.kill(process.pid, 'SIGALRM'), timesPatience * PATIENCE);
  try {
    return await promise;
  } catch (error) {
    return error.constructor.name;
  } finally {
    clearTimeout(timer);
  }
}

const answer = (key) =>
  outcome(client.ask('GET', key).then((value) => (value === key ? 'right' : 'wrong')));

async function work() {
  for (let get = 0; get < Number(process.env.GETS); get++) {
    const found = await answer(`key:${worker}:${get}`);
    if (get === 0) say('first', found);
    if (found !== 'right') say('reply', found);
  }
  say('database', await outcome(client.ask('GET', 'where')));
}

const set = (key) => outcome(client.ask('SET', key, '1').then((reply) => reply.toLowerCase()));

function sockets() {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // that of the directory itself
    }
  });
  return links.filter((link) => link.startsWith('socket:'));
}

/* ---- the master ---- */

function start(number) {
  const env = { ...process.env, WORKER: number, SOCKETS_OF_MASTER: sockets().join(' ') };
  const child =
    how === 'cluster' ? cluster.fork(env).process : fork(script, [how, scenario], { env });
  return new Promise((resolve) => {
    child.on('exit', (status, signal) => {
      if (signal) say('child', signal === 'SIGALRM' ? 'stuck' : `killed by ${signal}`);
      else if (status !== 0) say('child', `exit ${status}`);
      resolve();
    });
  });
}

async function sayWhose(before) {
  const now = outcome(client.ask('CLIENT', 'ID'));
  say('master', (await now) === before ? 'same' : 'other');
}

// Counts up to the first message after the child's end: it may have taken any before that.
function lostUntilEndOfChild() {
  let last = null;
  let lost = 0;
  let ended = false;
  return new Promise((resolve) => {
    client.follow(process.env.CHANNEL, (message) => {
      const number = Number(message);
      if (last === null) {
        start(0).then(() => {
          ended = true;
        });
        say('forked', 'yes');
      } else {
        lost += number - last - 1;
      }
      last = number;
      if (ended) resolve(lost);
    });
  });
}

const masters = {
  async gets(before) {
    const numbers = [...Array(Number(process.env.WORKERS)).keys()];
    await Promise.all(numbers.map(start));
    await sayWhose(before);
  },
  async pop(before) {
    const child = start(0);
    say('popped', (await outcome(client.ask('BLPOP', 'queue', '0'), 2)).join(' '));
    await child;
    await sayWhose(before);
  },
  async multi(before) {
    await client.ask('MULTI');
    await client.ask('SET', 'of-master', '1');
    await start(0);
    say('transaction', (await outcome(client.ask('EXEC'))).length);
    await sayWhose(before);
  },
  async subscribe() {
    say('lost', await lostUntilEndOfChild());
  },
};

/* ---- its workers ---- */

const workers = {
  gets: work,
  async pop() {
    readSync(0, Buffer.alloc(16));
    await work();
    say('worked', await set('worked'));
  },
  async multi() {
    say('child', await set('of-child'));
  },
  async subscribe() {
    const heard = new Promise((resolve) => {
      client.follow(process.env.CHANNEL, () => resolve('heard'));
    });
    say('child', await outcome(heard, 2));
  },
};

async function run(version, connect) {
  if (worker === undefined) {
    say('version', version);
    client = await connect();
    await masters[scenario](scenario === 'subscribe' ? null : await client.ask('CLIENT', 'ID'));
  } else {
    const { SOCKETS_OF_MASTER: theirs } = process.env;
    say('shares', sockets().filter((socket) => theirs.split(' ').includes(socket)).length);
    client = await connect();
    await workers[scenario]();
  }
  process.exit(0);
}

module.exports = { run };

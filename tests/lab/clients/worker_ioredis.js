// Workers in ioredis, a connection each in one process, that take jobs with BRPOP; ioredis connects
// again by itself. The lab calls it as: worker_ioredis.js HOST PORT QUEUE WORKERS SECONDS (ignored:
// it has no read timeout)
'use strict';
const Redis = require('ioredis');

const [host, port, queue, workers] = process.argv.slice(2);

const say = (event, text = '') => process.stdout.write(`${event} ${text}\n`);

async function work() {
  const redis = new Redis({ host, port: Number(port), maxRetriesPerRequest: 0 });
  redis.on('connect', () => say('connected'));
  redis.on('error', (error) => say('lost', error.message));
  for (;;) {
    try {
      say('job', (await redis.brpop(queue, 0))[1]);
    } catch (lost) {
      await new Promise((go) => setTimeout(go, 50));
    }
  }
}

for (let i = 0; i < Number(workers); i++) work();

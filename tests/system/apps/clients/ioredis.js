// ioredis.js fork|cluster SCENARIO
'use strict';
const Redis = require('ioredis');
const { readFileSync } = require('fs');
const { run } = require('./scenarios.js');

async function connect() {
  const { REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DATABASE, REDIS_CA } = process.env;
  const redis = new Redis({
    host: REDIS_HOST,
    port: Number(REDIS_PORT),
    password: REDIS_PASSWORD,
    db: Number(REDIS_DATABASE),
    tls: REDIS_CA ? { ca: readFileSync(REDIS_CA) } : undefined,
  });
  await redis.ping();
  return {
    ask: (...words) => redis.call(...words),
    follow: (channel, hear) => {
      redis.on('message', (_, message) => hear(message));
      redis.subscribe(channel);
    },
  };
}

run(require('ioredis/package.json').version, connect);

// node_redis.js fork|cluster SCENARIO
'use strict';
const { createClient } = require('@redis/client');
const { readFileSync } = require('fs');
const { run } = require('./scenarios.js');

async function connect() {
  const { REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DATABASE, REDIS_CA } = process.env;
  const redis = createClient({
    socket: {
      host: REDIS_HOST,
      port: Number(REDIS_PORT),
      ...(REDIS_CA && { tls: true, ca: readFileSync(REDIS_CA) }),
    },
    password: REDIS_PASSWORD,
    database: Number(REDIS_DATABASE),
  });
  await redis.connect();
  return {
    ask: (...words) => redis.sendCommand(words),
    follow: (channel, hear) => redis.subscribe(channel, hear),
  };
}

run(require('@redis/client/package.json').version, connect);

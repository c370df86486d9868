// ioredis with its defaults (RESP3) and with RESP2: handshake, commands, pipelines. Usage: node ioredis.mjs PORT
import { Redis } from 'ioredis';
import { assert, check, port } from './check.mjs';

function connect(options = {}) {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: null, maxRetriesPerRequest: 0, ...options });
  client.problems = [];
  client.on('error', (error) => client.problems.push(error));
  return client;
}

async function closed(client) {
  await client.quit();
  assert.deepEqual(client.problems, []);
}

async function suite(protocol, options) {
  const client = connect(options);
  await check(`${protocol}: the handshake ends in ready`, async () => {
    await new Promise((resolve, reject) => {
      client.once('ready', resolve);
      client.once('end', () => reject(new Error(`ended before ready: ${client.problems}`)));
    });
    assert.equal(await client.ping(), 'PONG');
    const info = await client.client('INFO');
    assert.match(String(info), protocol === 'RESP3' ? /resp=3/ : /resp=2/);
  });
  await check(`${protocol}: the library names itself`, async () => {
    assert.match(String(await client.client('INFO')), /lib-name=ioredis/);
  });
  await check(`${protocol}: strings`, async () => {
    assert.equal(await client.set('k', 'v'), 'OK');
    assert.equal(await client.get('k'), 'v');
    assert.equal(await client.get('nokey'), null);
    assert.equal(await client.set('k', 'w', 'NX'), null);
    assert.equal(await client.set('k', 'w', 'GET'), 'v');
    assert.equal(await client.append('k', 'xyz'), 4);
    assert.equal(await client.getrange('k', 1, -1), 'xyz');
    assert.equal(await client.getdel('k'), 'wxyz');
    assert.equal(await client.mset('a', '1', 'b', '2'), 'OK');
    assert.deepEqual(await client.mget('a', 'nokey', 'b'), ['1', null, '2']);
  });
  await check(`${protocol}: bytes`, async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    assert.equal(await client.set(bytes, bytes), 'OK');
    assert.ok((await client.getBuffer(bytes)).equals(bytes));
  });
  await check(`${protocol}: numbers`, async () => {
    assert.equal(await client.incr('n'), 1);
    assert.equal(await client.decrby('n', 5), -4);
    assert.equal(Number(await client.incrbyfloat('n', 0.5)), -3.5);
    await assert.rejects(client.incr('n'), /ERR value is not an integer or out of range/);
  });
  await check(`${protocol}: generic commands`, async () => {
    assert.equal(await client.exists('a', 'b', 'nokey'), 2);
    assert.equal(await client.rename('a', 'c'), 'OK');
    assert.equal(await client.type('c'), 'string');
    assert.equal(await client.del('c', 'b'), 2);
    await assert.rejects(client.rename('nokey', 'x'), /ERR no such key/);
    assert.equal(await client.flushdb(), 'OK');
    assert.equal(await client.dbsize(), 0);
  });
  await check(`${protocol}: a pipeline of 2,000 commands`, async () => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.set(`key:${i}`, `value ${i}`);
    for (let i = 0; i < 1000; i++) pipeline.get(`key:${i}`);
    const replies = await pipeline.exec();
    replies.forEach(([error, reply], i) => {
      assert.equal(error, null);
      assert.equal(reply, i < 1000 ? 'OK' : `value ${i - 1000}`);
    });
  });
  await check(`${protocol}: an error in a pipeline stands at its place`, async () => {
    const replies = await client.pipeline().set('k', 'abc').incr('k').get('k').exec();
    assert.equal(replies[0][1], 'OK');
    assert.match(replies[1][0].message, /not an integer/);
    assert.equal(replies[2][1], 'abc');
  });
  await check(`${protocol}: 5,000 commands at once without waiting`, async () => {
    const replies = await Promise.all(Array.from({ length: 5000 }, () => client.incr('counter')));
    assert.deepEqual(replies, Array.from({ length: 5000 }, (_, i) => i + 1));
  });
  await check(`${protocol}: a scan stream`, async () => {
    const seen = new Set();
    for await (const keys of client.scanStream({ match: 'key:*', count: 100 })) keys.forEach((key) => seen.add(key));
    assert.equal(seen.size, 1000);
  });
  await check(`${protocol}: server commands`, async () => {
    assert.match(await client.info(), /\r\nredis_version:/);
    assert.ok((await client.time()).length === 2);
    assert.ok(await client.command('COUNT') > 30);
    await assert.rejects(client.call('NOSUCH', 'a'), /ERR unknown command 'NOSUCH'/);
    assert.equal(await client.ping('still here'), 'still here');
  });
  await closed(client);

  await check(`${protocol}: name and database in the handshake`, async () => {
    const named = connect({ ...options, db: 4, connectionName: 'worker' });
    assert.match(String(await named.client('INFO')), / name=worker .* db=4 /);
    await closed(named);
  });
  await check(`${protocol}: automatic pipelining`, async () => {
    const automatic = connect({ ...options, enableAutoPipelining: true });
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => automatic.get(`key:${i}`)));
    replies.forEach((reply, i) => assert.equal(reply, `value ${i}`));
    await closed(automatic);
  });
}

await suite('RESP3', {});
await suite('RESP2', { protocol: 2 });

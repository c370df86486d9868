// node-redis with its defaults (RESP3) and with RESP2: handshake, commands, pipelines. Usage: node node_redis.mjs PORT
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import { assert, check, port } from './check.mjs';

const socket = { port, host: '127.0.0.1', reconnectStrategy: false };

async function connect(options = {}) {
  const client = createClient({ socket, ...options });
  client.problems = [];
  client.on('error', (error) => client.problems.push(error));
  await client.connect();
  return client;
}

async function closed(client) {
  await client.close();
  assert.deepEqual(client.problems, []);
}

async function suite(protocol, options) {
  let client;
  await check(`${protocol}: the handshake ends in ready`, async () => {
    client = await connect(options);
    assert.equal(client.isReady, true);
    assert.equal(await client.ping(), 'PONG');
    assert.match(String(await client.sendCommand(['CLIENT', 'INFO'])), protocol === 'RESP3' ? /resp=3/ : /resp=2/);
  });
  await check(`${protocol}: the library names itself`, async () => {
    assert.match(String(await client.sendCommand(['CLIENT', 'INFO'])), /lib-name=node-redis/);
  });
  await check(`${protocol}: strings`, async () => {
    assert.equal(await client.set('k', 'v'), 'OK');
    assert.equal(await client.get('k'), 'v');
    assert.equal(await client.get('nokey'), null);
    assert.equal(await client.set('k', 'w', { condition: 'NX' }), null);
    assert.equal(await client.set('k', 'w', { GET: true }), 'v');
    assert.equal(await client.append('k', 'xyz'), 4);
    assert.equal(await client.strLen('k'), 4);
    assert.equal(await client.getRange('k', 1, -1), 'xyz');
    assert.equal(await client.getDel('k'), 'wxyz');
    assert.equal(await client.mSet({ a: '1', b: '2' }), 'OK');
    assert.deepEqual(await client.mGet(['a', 'nokey', 'b']), ['1', null, '2']);
  });
  await check(`${protocol}: bytes`, async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    assert.equal(await client.set(bytes, bytes), 'OK');
    assert.ok((await binary.get(bytes)).equals(bytes));
  });
  await check(`${protocol}: numbers`, async () => {
    assert.equal(await client.incr('n'), 1);
    assert.equal(await client.decrBy('n', 5), -4);
    assert.equal(Number(await client.incrByFloat('n', 0.5)), -3.5);
    await assert.rejects(client.incr('n'), /ERR value is not an integer or out of range/);
  });
  await check(`${protocol}: generic commands`, async () => {
    assert.equal(await client.exists(['a', 'b', 'nokey']), 2);
    assert.equal(await client.rename('a', 'c'), 'OK');
    assert.equal(await client.type('c'), 'string');
    assert.equal(await client.copy('c', 'd'), 1);
    assert.equal(await client.del(['b', 'c', 'd']), 3);
    await assert.rejects(client.rename('nokey', 'x'), /ERR no such key/);
    assert.equal(await client.flushDb(), 'OK');
    assert.equal(await client.dbSize(), 0);
  });
  await check(`${protocol}: 2,000 commands in one tick are pipelined, in order`, async () => {
    const sets = Array.from({ length: 1000 }, (_, i) => client.set(`key:${i}`, `value ${i}`));
    const gets = Array.from({ length: 1000 }, (_, i) => client.get(`key:${i}`));
    assert.ok((await Promise.all(sets)).every((reply) => reply === 'OK'));
    (await Promise.all(gets)).forEach((reply, i) => assert.equal(reply, `value ${i}`));
  });
  await check(`${protocol}: a pipeline without a transaction`, async () => {
    assert.deepEqual(await client.multi().set('k', '1').incr('k').get('k').execAsPipeline(), ['OK', 2, '2']);
  });
  await check(`${protocol}: a scan iterator`, async () => {
    const seen = new Set();
    for await (const keys of client.scanIterator({ MATCH: 'key:*', COUNT: 100 })) keys.forEach((key) => seen.add(key));
    assert.equal(seen.size, 1000);
  });
  await check(`${protocol}: server commands`, async () => {
    assert.match(await client.info(), /\r\nredis_version:/);
    assert.equal((await client.configGet('databases')).databases, '16');
    assert.ok(await client.commandCount() > 30);
    assert.equal((await client.hello()).proto, protocol === 'RESP3' ? 3 : 2);
    await assert.rejects(client.sendCommand(['NOSUCH', 'a']), /ERR unknown command 'NOSUCH'/);
    assert.equal(await client.echo('still here'), 'still here');
  });
  await closed(client);

  await check(`${protocol}: name and database in the handshake`, async () => {
    const named = await connect({ ...options, database: 4, name: 'worker' });
    assert.match(String(await named.sendCommand(['CLIENT', 'INFO'])), / name=worker .* db=4 /);
    await closed(named);
  });
  await check(`${protocol}: a pool of connections`, async () => {
    const pool = await createClientPool({ socket, ...options }, { minimum: 3, maximum: 8 }).connect();
    await pool.del('pooled');
    await Promise.all(Array.from({ length: 500 }, () => pool.incr('pooled')));
    assert.equal(await pool.get('pooled'), '500');
    await pool.close();
  });
}

await suite('RESP3', { RESP: 3 });
await suite('RESP2', { RESP: 2 });
await check('the default protocol is accepted', async () => closed(await connect()));

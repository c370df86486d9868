// What both client scripts share: named checks in order, one line each, exit status 1 at the first failure.
import assert from 'node:assert/strict';

export const port = Number(process.argv[2]);
if (!port) throw new Error('usage: node <script> PORT');

export async function check(rule, body) {
  try {
    await body();
    console.log(`ok - ${rule}`);
  } catch (failure) {
    console.log(`not ok - ${rule}`);
    console.error(failure);
    process.exit(1);
  }
}

export { assert };

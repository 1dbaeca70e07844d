// imapflow: node check_imapflow.mjs HOST PORT USER PASSWORD
// IMAPFLOW_DIR is where fetch_imapflow.sh put the package.
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

const require = createRequire(path.join(process.env.IMAPFLOW_DIR ?? process.cwd(), 'x.js'));
const { ImapFlow } = require('imapflow');

const [host, port, user, pass] = process.argv.slice(2);
if (!pass) {
  console.error('usage: node check_imapflow.mjs HOST PORT USER PASSWORD');
  process.exit(2);
}
const box = 'Client-imapflow';
const other = 'Client-imapflow-other';
let failed = 0;
const step = (name, good, detail = '') => {
  console.log(`${good ? 'ok    ' : 'FAILED'}  imapflow: ${name}${!good && detail ? ` (${JSON.stringify(detail)})` : ''}`);
  if (!good) failed += 1;
};
const message = (subject) =>
  `From: a@example.org\r\nTo: b@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(' ', '.')}@flow>\r\n` +
  `Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nBody of ${subject}, with kumquat.\r\n`;
const connect = async () => {
  const client = new ImapFlow({ host, port: Number(port), secure: false, auth: { user, pass }, logger: false, maxIdleTime: 60000 });
  await client.connect();
  return client;
};

const eventually = async (holds) => {
  for (const end = Date.now() + 60000; Date.now() < end; await pause(50)) if (holds()) return true;
  return holds();
};

const client = await connect();
for (const name of [box, other]) {
  await client.mailboxDelete(name).catch(() => {});
  await client.mailboxCreate(name);
}
for (let i = 1; i <= 5; i += 1) await client.append(box, message(`flow message ${i}`));
const names = (await client.list()).map((entry) => entry.path);
step('open: list', names.includes(box) && names.includes(other), names);
const lock = await client.getMailboxLock(box);
try {
  step('open: select', client.mailbox.exists === 5, client.mailbox);
  const subjects = [];
  for await (const one of client.fetch('1:*', { envelope: true, bodyStructure: true, flags: true })) subjects.push(one.envelope.subject);
  step('read: envelopes', subjects.length === 5 && subjects[4] === 'flow message 5', subjects);
  const { content } = await client.download('1');
  const chunks = [];
  for await (const chunk of content) chunks.push(chunk);
  step('read: download', Buffer.concat(chunks).toString().includes('with kumquat.'));
  const source = await client.fetchOne('2', { source: true });
  step('read: bytes are as they were', source.source.toString() === message('flow message 2'));
  step('search: subject', JSON.stringify(await client.search({ subject: 'message 3' })) === '[3]');
  step('search: body and not seen', (await client.search({ body: 'kumquat', seen: false })).length === 5);
  step('flag', await client.messageFlagsAdd('1', ['\\Flagged', '$work']));
  const flags = (await client.fetchOne('1', { flags: true })).flags;
  step('flag: read back', flags.has('\\Flagged') && flags.has('$work'), [...flags]);
  const copied = await client.messageCopy('3', other);
  step('copy: COPYUID', copied?.uidMap?.size === 1, copied);
  const moved = await client.messageMove('2', other);
  step('move: COPYUID', moved?.uidMap?.size === 1, moved);
  step('delete', (await client.messageDelete('1')) && client.mailbox.exists === 3, client.mailbox.exists);
  const appended = await client.append(box, message('flow appended'), ['\\Seen']);
  step('append: APPENDUID', appended.uid > 0, appended);
  const second = await connect();
  const idle = client.idle();
  await eventually(() => client.idling);
  step('idle: begins', client.idling);
  let news = false;
  client.on('exists', (event) => { news ||= event.count > event.prevCount; });
  await second.append(box, message('flow idle news'));
  step('idle: EXISTS by itself', await eventually(() => news));
  await second.logout();
  // Any other command ends the IDLE.
  const status = await client.status(other, { messages: true, unseen: true });
  step('status', status.messages === 2, status);
  await idle;
} finally {
  lock.release();
}
await client.mailboxRename(other, `${other}-renamed`);
step('rename', (await client.list()).some((entry) => entry.path === `${other}-renamed`));
await client.mailboxDelete(`${other}-renamed`);
await client.mailboxClose();
await client.mailboxDelete(box);
await client.logout();
process.exit(failed ? 1 : 0);

import { expect, it } from 'vitest';
import { ask } from '../../src/gateway/mcp/modern/ask.ts';
import { SingleConversation } from '../../src/gateway/mcp/single-conversation.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeSession } from '../fakes/fake-link.ts';

it('what is not answered in time is given up at the server, but for what is asked once for everybody', async () => {
  for (const [key, heard] of [
    [undefined, ['resources/subscribe', 'notifications/cancelled']],
    ['shared', ['resources/subscribe']],
  ] as const) {
    const clock = new FakeClock();
    const session = new FakeSession(clock);
    const conversation = new SingleConversation(
      { reach: session.reach, clock },
      { ...session.connection, protocolVersion: '2025-11-25' },
      session.target(),
    );
    const options = { clock, ms: 1000, ...(key === undefined ? {} : { key }) };
    const late = expect(ask(conversation, 'resources/subscribe', {}, options)).rejects.toMatchObject({
      code: 'server.busy',
    });
    await clock.advance(1000);
    await late;
    await settle();
    const { begun } = session.link();
    expect(begun.map(({ message }) => message?.method)).toEqual(heard);
    expect(begun[0]?.left).toBe(true);
    if (key === undefined) expect(begun[1]?.post).toMatchObject({ cancels: begun[0]?.message?.id });
  }
});

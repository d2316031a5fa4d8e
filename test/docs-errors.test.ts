import { errors } from '@millrace/protocol';
import { expect, test } from 'vitest';

/** docs/errors.md as the table in protocol's error.ts has it. `npx vitest run test/docs-errors.test.ts -u` writes it. */
function page(): string {
  const rows = Object.entries(errors).map(
    ([code, { http, close, retry, title, fix }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${http} | ${close ?? ''} | ${retry ? 'yes' : ''} | ${title} | ${fix} |`,
  );
  return `# Errors

Every refusal has a stable code. Over HTTP it is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem with
\`code\`, \`detail\` (this case in one sentence), \`fix\`, \`retry\` and machine-readable facts; on a socket the same problem is
the payload of an \`error\` message, and the connection is kept unless the table gives a close code.
**Retry** says that the same request may succeed when it is sent again later.

| Code | HTTP | Close | Retry | What happened | How to mend it |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

test('[PRO-8] docs/errors.md holds the table of errors, each code and nothing else', async () => {
  await expect(page()).toMatchFileSnapshot('../docs/errors.md');
});

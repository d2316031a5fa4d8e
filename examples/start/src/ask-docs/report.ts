import { citedIn, type Passage } from './passages.ts';

export interface ReportFacts {
  question: string;
  answer: string;
  passages: readonly Passage[];
  /** the folder that was asked */
  folder: string;
  documents: number;
  /** the model's name */
  model: string;
  note?: string;
  approval: { by?: string; comment?: string };
}

/** The report as Markdown: the answer, who approved it, and for every citation the file, the heading and the words. */
export function writeReport(facts: ReportFacts): string {
  const { question, answer, folder, documents, model, note, approval } = facts;
  const sources = citedIn(answer, facts.passages);
  const about = [
    `Asked about ${documents} ${documents === 1 ? 'document' : 'documents'} in \`${folder}\`.`,
    `Answered by the model \`${model}\`.${note === undefined ? '' : ` ${note}`}`,
    `Approved${approval.by === undefined ? '' : ` by ${approval.by}`}${approval.comment ? `: ${oneLine(approval.comment)}` : '.'}`,
  ];
  return [
    `# ${oneLine(question)}`,
    answer.trim(),
    '## Sources',
    sources.length === 0 ? 'The answer cites nothing.' : sources.map(source).join('\n\n'),
    '---',
    about.join('  \n'),
    '',
  ].join('\n\n');
}

function source({ n, file, heading, text }: Passage): string {
  const place = heading === '' ? `\`${file}\`` : `\`${file}\`, ${heading}`;
  return `**[${n}]** ${place}\n\n${text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n')}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

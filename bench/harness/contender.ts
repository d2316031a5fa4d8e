/** What a contender answers: figures by name, and the settings that it ran with. */
export interface RoundAnswer {
  figures: Record<string, number>;
  settings: string;
}

type Closer = () => Promise<unknown> | unknown;

/**
 * The whole life of a contender's process: one round, then everything that it started is stopped, last first. It
 * stops the same way when something in it fails, when the bench tells it to (SIGTERM) and when that goes away (disconnect).
 */
export async function contend<Request>(
  round: (request: Request, onClose: (close: Closer) => void) => Promise<RoundAnswer>,
): Promise<void> {
  const closers: Closer[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  const leave = () => {
    closeAll().then(
      () => process.exit(1),
      () => process.exit(1),
    );
  };
  process.once('uncaughtException', (error) => {
    console.error(error);
    leave();
  });
  process.once('SIGTERM', leave);
  process.once('disconnect', leave);
  let answer: RoundAnswer;
  try {
    answer = await round(JSON.parse(process.argv[2] as string) as Request, (close) => closers.push(close));
  } finally {
    await closeAll();
  }
  process.off('disconnect', leave);
  process.send?.(answer, () => process.disconnect());
}

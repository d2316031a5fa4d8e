/** The package has no types of its own: plugins, to be handed to size-limit as they are. */
declare module '@size-limit/preset-small-lib' {
  const plugins: ((...args: unknown[]) => unknown)[];
  export default plugins;
}

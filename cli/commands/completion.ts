import { Argument, type Command } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;

const explanation = `
  bash    npx sluice completion bash >> ~/.bashrc
  zsh     npx sluice completion zsh >> ~/.zshrc
  fish    npx sluice completion fish > ~/.config/fish/completions/sluice.fish

A shell completes the words of \`sluice\`, not those of \`npx sluice\`: alias sluice='npx sluice'`;

export function completion(program: Command): void {
  program
    .command('completion')
    .description('print a script by which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', explanation)
    .action((shell: (typeof shells)[number]) => console.log(scripts[shell](nodesOf(program))));
}

/** A command with what may follow it. */
interface Node {
  /** `/fault/add`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly Described[];
  readonly options: readonly Described[];
  readonly values: readonly string[];
}

interface Described {
  readonly name: string;
  readonly description: string;
}

function nodesOf(command: Command, path = ''): Node[] {
  const { commands } = command;
  const options = command.options.flatMap(({ long, description }) =>
    long ? [{ name: long, description }] : [],
  );
  const node = {
    path,
    commands: commands.map((each) => ({ name: each.name(), description: each.description() })),
    options: [...options, { name: '--help', description: 'display help for command' }],
    values: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  return [node, ...commands.flatMap((each) => nodesOf(each, `${path}/${each.name()}`))];
}

/** Without a word that fits, the shell offers files. */
function bash(nodes: readonly Node[]): string {
  const paths = nodes.map(({ path }) => path).filter((path) => path !== '');
  const cases = nodes.map(({ path, commands, options, values }) => {
    const words = [...commands.map(({ name }) => name), ...values, ...options.map(({ name }) => name)];
    return `    "${path}") words="${words.join(' ')}" ;;`;
  });
  return `_sluice() {
  local path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path/\${COMP_WORDS[i]}" in
      ${paths.join('|')}) path="$path/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _sluice sluice`;
}

const zsh = (nodes: readonly Node[]) => `autoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}`;

function fish(nodes: readonly Node[]): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  return nodes
    .flatMap(({ path, commands, options, values }) => {
      const seen = path.split('/').slice(1);
      const within = [
        ...seen.map((name) => `__fish_seen_subcommand_from ${name}`),
        ...(commands.length > 0
          ? [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`]
          : []),
      ].join('; and ');
      const line = (rest: string) => `complete -c sluice -n ${quoted(within)} ${rest}`;
      return [
        ...commands.map(({ name, description }) => line(`-f -a ${name} -d ${quoted(description)}`)),
        ...values.map((value) => line(`-f -a ${value}`)),
        ...options.map(({ name, description }) => line(`-l ${name.slice(2)} -d ${quoted(description)}`)),
      ];
    })
    .join('\n');
}

const scripts: Readonly<Record<(typeof shells)[number], (nodes: readonly Node[]) => string>> = {
  bash,
  zsh,
  fish,
};

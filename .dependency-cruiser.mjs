/** Who may import whom: docs/architecture.md, "The parts". */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    forbid(
      'domain-is-pure',
      '^domain/',
      '^(datasets|store|formats|mysql|lake|handlers|infra|local-aws|cli|test)/',
      'The domain knows nothing of where it runs, nor of any one dataset.',
    ),
    {
      name: 'domain-imports-little',
      severity: 'error',
      comment: 'The domain imports zod, papaparse, hyparquet and Node.',
      from: { path: '^domain/' },
      to: { path: 'node_modules/(?!(@types/)?(zod|papaparse|hyparquet|node)/)' },
    },
    forbid(
      'datasets-import-domain',
      '^datasets/',
      '^(store|formats|mysql|lake|handlers|infra|local-aws|cli|test)/',
      'A dataset is declared with the domain’s words alone.',
    ),
    forbid(
      'store-imports-domain',
      '^store/',
      '^(formats|mysql|lake|handlers|infra|local-aws|cli|test)/',
      'What functions and the command line share of S3 and SQS.',
    ),
    forbid(
      'formats-import-domain',
      '^formats/',
      '^(datasets|store|mysql|lake|handlers|infra|local-aws|cli|test)/',
      'A file format knows no service.',
    ),
    forbid(
      'mysql-imports-domain',
      '^mysql/',
      '^(datasets|store|formats|lake|handlers|infra|local-aws|cli|test)/',
      'The tables are deployed with functions, and read from the command line.',
    ),
    forbid(
      'lake-imports-formats',
      '^lake/',
      '^(datasets|mysql|handlers|infra|local-aws|cli|test)/',
      'The lake’s tables: committed to by functions, looked after and read from the command line.',
    ),
    forbid(
      'shared-code-knows-no-framework',
      '^(store|formats|mysql|lake)/',
      'node_modules/(@pulumi|@middy|commander|@aws-lambda-powertools)/',
      'Shared by functions and the command line: it knows neither.',
    ),
    forbid(
      'handlers-are-deployed',
      '^handlers/',
      '^(infra|local-aws|cli|test)/',
      'A function brings nothing but what it runs.',
    ),
    forbid(
      'infra-names-handlers',
      '^infra/',
      '^(store|formats|mysql/(?!migrations/lake\\.json)|lake|handlers|local-aws|cli|test)/',
      'The program names handler files by path, and never runs them.',
    ),
    forbid(
      'cli-uses-clients',
      '^cli/',
      '^(handlers|infra/(?!outputs\\.ts|build/dataset-code\\.ts)|test)/',
      'The command line talks to the pipeline through AWS’s clients; of infra it knows the outputs, and how a dataset’s code is told from another.',
    ),
    forbid(
      'local-aws-knows-nothing-of-sluice',
      '^local-aws/',
      '^(datasets|domain|store|formats|mysql|lake|handlers|infra|cli|test)/',
      'The local cloud is a house of its own: what it needs comes in as options.',
    ),
    forbid('local-aws-ships-no-tests', '^local-aws/(?!test/)', '^local-aws/test/', 'Tests are not shipped.'),
    forbid(
      'cli-starts-the-local-cloud-in-one-place',
      '^cli/(?!target/local-cloud\\.ts|mysql/)',
      '^local-aws/',
      'Only what starts the local cloud, and the server beside it, knows it.',
    ),
    forbid(
      'no-tests-in-the-product',
      '^(datasets|domain|store|formats|mysql|lake|handlers|infra|cli)/',
      '^test/',
      'Tests are not shipped.',
    ),
    {
      name: 'the-browser-gets-little',
      severity: 'error',
      comment: 'What runs in the browser imports its libraries, formats for texts and numbers, and types.',
      from: { path: '^cli/ui/page/' },
      to: {
        pathNot: '^cli/(ui/page/|terminal/(printable|units)\\.ts)|node_modules/(preact|uplot)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'nothing-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'product-has-no-dev-dependencies',
      severity: 'error',
      from: {
        path: '^(datasets|domain|store|formats|mysql|lake|handlers|infra|cli|local-aws/(?!test/|example/))',
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

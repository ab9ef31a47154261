import { addWarning, backoff, catchAndContinue, defaultRetry, type State } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

export const crawlBegins = 'Start the crawler';

/** Seconds, enough for an earlier crawl to finish first. */
const PATIENCE = 7_200;

/** Starts the crawler, which adds new partitions, and waits for it. */
export function crawl(next: string, { crawler }: WorkflowParts): Readonly<Record<string, State>> {
  return {
    [crawlBegins]: {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:glue:startCrawler',
      Arguments: { Name: crawler },
      TimeoutSeconds: 60,
      Assign: { looks: 0, until: `{% $millis() + ${PATIENCE * 1000} %}` },
      Output: {},
      Retry: [
        // A running crawl may already have passed the new files, so this waits for it to end and starts
        // another.
        { ...defaultRetry, ErrorEquals: ['Glue.CrawlerRunningException'], MaxAttempts: 60 },
        defaultRetry,
      ],
      Catch: [catchAndContinue('the crawler could not be started', next)],
      Next: 'Wait for the crawler',
    },
    'Wait for the crawler': {
      Type: 'Wait',
      Seconds: backoff('$looks'),
      Next: 'Get the state of the crawler',
    },
    'Get the state of the crawler': {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:glue:getCrawler',
      Arguments: { Name: crawler },
      TimeoutSeconds: 60,
      Assign: {
        looks: '{% $looks + 1 %}',
        crawlerState: '{% $states.result.Crawler.State %}',
        lastCrawl:
          "{% $exists($states.result.Crawler.LastCrawl.Status) ? $states.result.Crawler.LastCrawl.Status : '' %}",
      },
      Output: {},
      Retry: [defaultRetry],
      Catch: [catchAndContinue("the crawler's state is unknown", next)],
      Next: 'Is the crawl done?',
    },
    'Is the crawl done?': {
      Type: 'Choice',
      Choices: [
        { Condition: "{% $crawlerState = 'READY' and $lastCrawl = 'SUCCEEDED' %}", Next: next },
        { Condition: "{% $crawlerState = 'READY' %}", Next: 'The crawl failed' },
        { Condition: '{% $millis() > $until %}', Next: 'The crawl took too long' },
      ],
      Default: 'Wait for the crawler',
    },
    'The crawl failed': addWarning('The crawl failed. See: npx sluice catalog', next),
    'The crawl took too long': addWarning(
      `The crawl was still running after ${PATIENCE} s. See: npx sluice catalog`,
      next,
    ),
  };
}

//! `tribunal` without a command: where to start.

/// The page. It ends with exit code 2, so that a script that has lost its command does not pass.
pub(super) const PAGE: &str = "\
tribunal runs Kafka-like brokers in a simulated world, breaks them, and judges what they promised.

Start here
  tribunal demo                 find, shrink and explain a bug of Kafka's history, in seconds
  tribunal run                  run every built-in scenario at its seeds
  tribunal new my-scenario      write a scenario with comments, to edit and run
  tribunal hunt --budget 1m     run scenarios that nobody wrote, until something breaks
  tribunal check replica        try every interleaving of a small configuration
  tribunal serve                start real brokers on 127.0.0.1 for any Kafka client

After a failure
  tribunal replay FOLDER        repeat the run, event for event
  tribunal shrink FOLDER        find the smallest plan that still fails
  tribunal explain NAME         say what a property, bug, fault or exit code means

Look up
  tribunal list                 scenarios, faults, properties, bugs, observations
  tribunal --help               all commands, and the exit codes

Exit code 2: no command was given.
";

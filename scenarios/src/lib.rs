//! Scenario language, plans, runs, and the tribunal command line.

//! The run directory: verdict, plan, history, trace, series.

//! Plans run in the kernel: what their runs come to.

mod atlas;
mod checks;
mod expectations;
mod names;
mod notes;
mod rare_paths;

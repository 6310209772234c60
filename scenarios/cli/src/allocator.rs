//! What the command line's allocator is asked for beyond allocating.

/// Gives memory that is free back to the system. mimalloc looks for such only while it is used, so a server that is
/// idle after much work would keep all it ever had. Does nothing in a program with another allocator.
#[allow(unsafe_code, reason = "the library has no safe name for it")]
pub(crate) fn give_memory_back() {
    // SAFETY: it takes no pointer, may be called on any thread at any time, and frees only what nobody has.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

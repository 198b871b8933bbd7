//! What Ctrl-C and SIGTERM do: they end the command as ever, but for routers that are processes, which end with
//! it, and for calls under way, which are paid for and waited for.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Whether a signal came while something was waited for.
static WANTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// How many things are waited for.
static WAITED_FOR: AtomicUsize = AtomicUsize::new(0);

/// Set by a signal that comes during [`wait_for`].
pub(crate) fn wanted() -> Arc<AtomicBool> {
    Arc::clone(&WANTED)
}

/// Does something that a first signal does not end: it is to end soon by itself once [`wanted`] is set. A
/// second signal ends the command at once.
pub(crate) fn wait_for<T>(work: impl FnOnce() -> T) -> T {
    WAITED_FOR.fetch_add(1, Ordering::SeqCst);
    let done = work();
    WAITED_FOR.fetch_sub(1, Ordering::SeqCst);
    done
}

/// Sees to signals from now on.
#[cfg(unix)]
pub(crate) fn listen() {
    use std::thread;

    use oats_routers::process;
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    // Where it cannot be had, signals do what they do by default.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    thread::spawn(move || {
        for signal in &mut signals {
            let waits = WAITED_FOR.load(Ordering::SeqCst) > 0;
            if waits && !WANTED.swap(true, Ordering::SeqCst) {
                continue;
            }
            process::kill_all();
            let _ = emulate_default_handler(signal);
        }
    });
}

/// Signals do what they do by default.
#[cfg(not(unix))]
pub(crate) fn listen() {}

// SPDX-License-Identifier: Apache-2.0
//! Faults for the lab's agent: its dump, changed as /run/lab-plant says (diagnose.t puts it there).
//! No such file, or an empty one: the healthy twin.

use crate::container::Checkpoint;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

/// How a fault changes the checkpoint.
#[derive(Debug)]
struct Plant {
    name: &'static str,
    /// What `sh` runs instead of `criu "$@"`.
    script: &'static str,
    freeze_cgroup: bool,
    /// Before CRIU starts; $1 is the agent, $2 the target, $3 the images.
    before: &'static str,
    /// What the agent does to itself. Then it starts CRIU with no shell between, which would set right
    /// what is inherited.
    agent: Option<fn()>,
    /// Start CRIU and do not wait for it.
    no_wait: bool,
    /// Do not return when CRIU has failed.
    stay: bool,
}

const HEALTHY: Plant = Plant {
    name: "",
    script: "criu \"$@\"",
    freeze_cgroup: true,
    before: "",
    agent: None,
    no_wait: false,
    stay: false,
};

extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn close(descriptor: i32) -> i32;
    fn sigprocmask(how: i32, set: *const u64, old: *mut u64) -> i32;
    fn capget(header: *mut [u32; 2], data: *mut [[u32; 3]; 2]) -> i32;
    fn capset(header: *mut [u32; 2], data: *const [[u32; 3]; 2]) -> i32;
}

// As x86 numbers them.
const SIGCHLD: i32 = 17;
const SIG_IGN: usize = 1;
const SIG_BLOCK: i32 = 0;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const CAP_SYS_PTRACE: u32 = 19;

fn ignore_sigchld() {
    unsafe { signal(SIGCHLD, SIG_IGN) };
}

fn block_sigchld() {
    let mut set = [0u64; 16]; // a sigset_t of the C library
    set[0] = 1 << (SIGCHLD - 1);
    unsafe { sigprocmask(SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) };
}

fn close_streams() {
    (0..3).for_each(|descriptor| {
        unsafe { close(descriptor) };
    });
}

/// Root's programs have all capabilities again, but for one that may not gain any (no_new_privs).
fn drop_sys_ptrace() {
    let mut header = [CAPABILITY_VERSION_3, 0]; // of this process
    let mut data = [[0u32; 3]; 2]; // effective, permitted and inheritable, 32 bits of each
    assert_eq!(unsafe { capget(&mut header, &mut data) }, 0);
    data[0].iter_mut().for_each(|set| *set &= !(1 << CAP_SYS_PTRACE));
    assert_eq!(unsafe { capset(&mut header, &data) }, 0);
}

const PLANTS: [Plant; 18] = [
    Plant { name: "no-freeze-cgroup", freeze_cgroup: false, ..HEALTHY },
    // In the target's cgroup as soon as it is CRIU: it freezes with it.
    Plant {
        name: "inside",
        script: "criu \"$@\" & until grep -qx criu \"/proc/$!/comm\"; do :; done
            echo $! >\"$CGROUP/cgroup.procs\"; wait $!",
        ..HEALTHY
    },
    Plant {
        name: "inside-early",
        script: "echo $$ >\"$CGROUP/cgroup.procs\"; exec criu \"$@\"",
        ..HEALTHY
    },
    // Yama wants the capability: without that wish, a process of the same user may be traced.
    Plant {
        name: "no-capability",
        before: "echo 2 >/proc/sys/kernel/yama/ptrace_scope",
        script: "exec setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace criu \"$@\"",
        ..HEALTHY
    },
    Plant {
        name: "reduced",
        before: "echo 2 >/proc/sys/kernel/yama/ptrace_scope",
        agent: Some(drop_sys_ptrace),
        stay: true,
        ..HEALTHY
    },
    Plant { name: "no-wait", script: "exec criu \"$@\"", no_wait: true, ..HEALTHY },
    Plant {
        name: "no-iptables",
        script: "criu=$(command -v criu); PATH=/nowhere exec \"$criu\" \"$@\"",
        ..HEALTHY
    },
    Plant {
        name: "small-limit",
        before: "prlimit --pid \"$1\" --fsize=8192",
        stay: true,
        ..HEALTHY
    },
    Plant {
        name: "full",
        before: "mount -t tmpfs -o size=16k lab-plant \"$3\"",
        ..HEALTHY
    },
    Plant {
        name: "read-only",
        before: "mount -t tmpfs -o ro lab-plant \"$3\"",
        ..HEALTHY
    },
    Plant { name: "sigchld-ignored", agent: Some(ignore_sigchld), stay: true, ..HEALTHY },
    Plant { name: "sigchld-blocked", agent: Some(block_sigchld), ..HEALTHY },
    Plant { name: "closed-streams", agent: Some(close_streams), ..HEALTHY },
    // Too small for iptables-restore.
    Plant {
        name: "small-stack",
        before: "prlimit --pid \"$1\" --stack=65536",
        stay: true,
        ..HEALTHY
    },
    // For good, until the next boot.
    Plant {
        name: "no-ptrace",
        before: "echo 3 >/proc/sys/kernel/yama/ptrace_scope",
        ..HEALTHY
    },
    // What the agent has, as a filter for system calls, its CRIU had too.
    Plant { name: "stay", stay: true, ..HEALTHY },
    Plant { name: "stopped", before: "kill -STOP \"$2\"", ..HEALTHY },
    // A process of the container whose session began outside of its pid namespace: its parent, which
    // came in from there, is gone, so it is the first process's child.
    Plant {
        name: "session",
        before: "nsenter --target \"$2\" --pid --mount --net --ipc --uts --cgroup \\
                /bin/sh -c '/bin/sleep 100 & :'
            pgrep -xf '/bin/sleep 100' >\"$CGROUP/cgroup.procs\"",
        ..HEALTHY
    },
];

fn plant() -> &'static Plant {
    let name = fs::read_to_string("/run/lab-plant").unwrap_or_default();
    PLANTS.iter().find(|p| p.name == name.trim()).unwrap_or(&HEALTHY)
}

/// Start `sh`, which starts CRIU, with what is planted.
pub fn dump(c: &Checkpoint, mut args: Vec<String>, cgroup: PathBuf) -> io::Result<ExitStatus> {
    let plant = plant();
    if !plant.freeze_cgroup {
        let at = args.iter().position(|word| word == "--freeze-cgroup").expect("the healthy twin");
        args.drain(at..at + 2);
    }
    Command::new("sh")
        .args(["-c", plant.before, "sh", &std::process::id().to_string()])
        .args([&c.pid.to_string(), &*c.images_dir.to_string_lossy()])
        .env("CGROUP", &cgroup)
        .status()?;
    let mut criu = Command::new("sh");
    criu.args(["-c", plant.script, "sh"]);
    if let Some(change) = plant.agent {
        change();
        criu = Command::new("criu");
    }
    let mut child = criu.args(args).env("CGROUP", &cgroup).spawn()?;
    if plant.no_wait {
        thread::sleep(Duration::from_secs(120));
    }
    let ended = child.wait();
    if plant.stay && !matches!(&ended, Ok(status) if status.success()) {
        thread::sleep(Duration::from_secs(120));
    }
    ended
}

// SPDX-License-Identifier: Apache-2.0
//! A container, and its checkpoint by CRIU.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// What a checkpoint request says about the container and where its images go.
#[derive(Debug, Default)]
pub struct Checkpoint {
    pub pid: u32,
    pub images_dir: PathBuf,
    pub work_dir: PathBuf,
    pub leave_running: bool,
    pub file_locks: bool,
}

/// Mounts that the runtime makes for each container and makes again at restore.
const SKIPPED_MOUNTS: [&str; 4] = ["/dev/shm", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

impl Checkpoint {
    /// The cgroup v2 folder of the container's first process.
    fn cgroup(&self) -> io::Result<PathBuf> {
        let text = fs::read_to_string(format!("/proc/{}/cgroup", self.pid))?;
        let path = text
            .lines()
            .find_map(|line| line.strip_prefix("0::"))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no cgroup v2"))?;
        Ok(PathBuf::from(format!("/sys/fs/cgroup{path}")))
    }

    /// The arguments for CRIU.
    pub fn criu_arguments(&self) -> io::Result<Vec<String>> {
        let mut args: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| args.extend(words.iter().map(|w| w.to_string()));
        add(&["dump", "-v4", "--tree", &self.pid.to_string()]);
        add(&["--images-dir", &self.images_dir.to_string_lossy()]);
        add(&["--work-dir", &self.work_dir.to_string_lossy()]);
        add(&["--log-file", "criu-dump.log"]);
        add(&["--manage-cgroups=ignore"]);
        add(&["--freeze-cgroup", &self.cgroup()?.to_string_lossy()]);
        for mount in SKIPPED_MOUNTS {
            add(&["--skip-mnt", mount]);
        }
        if self.leave_running {
            add(&["--leave-running"]);
        }
        if self.file_locks {
            add(&["--file-locks"]);
        }
        Ok(args)
    }

    /// Start `sh`, which starts CRIU, and wait for it.
    pub fn dump(&self) -> io::Result<ExitStatus> {
        fs::create_dir_all(&self.images_dir)?;
        fs::create_dir_all(&self.work_dir)?;
        Command::new("sh")
            .args(["-c", "criu \"$@\"", "sh"])
            .args(self.criu_arguments()?)
            .status()
    }
}

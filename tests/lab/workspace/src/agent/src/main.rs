// SPDX-License-Identifier: Apache-2.0
//! The lab's stand-in for the Kata agent: what the real one does when a checkpoint is asked for.

use rustjail::container::Checkpoint;
use std::env;
use std::process::{exit, Command};

const USAGE: &str = "usage: kata-agent --version
       kata-agent checkpoint --pid PID --image-path DIR --work-path DIR
                  [--leave-running] [--file-locks]";

fn usage() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

/// The digest of the program that runs, whatever lies at its path by now.
fn own_sha256() -> String {
    let exe = format!("/proc/{}/exe", std::process::id());
    Command::new("sha256sum")
        .arg(exe)
        .output()
        .ok()
        .and_then(|o| String::from_utf8(o.stdout).ok())
        .and_then(|text| text.split(' ').next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn checkpoint(mut args: impl Iterator<Item = String>) -> i32 {
    let mut request = Checkpoint::default();
    while let Some(option) = args.next() {
        match option.as_str() {
            "--leave-running" => request.leave_running = true,
            "--file-locks" => request.file_locks = true,
            "--pid" | "--image-path" | "--work-path" => {
                let Some(value) = args.next() else { usage() };
                match option.as_str() {
                    "--pid" => request.pid = value.parse().unwrap_or_else(|_| usage()),
                    "--image-path" => request.images_dir = value.into(),
                    _ => request.work_dir = value.into(),
                }
            }
            _ => usage(),
        }
    }
    if request.pid == 0 || request.images_dir.as_os_str().is_empty() {
        usage();
    }
    eprintln!(
        "kata-agent {} sha256={}: checkpoint of process {}",
        env!("CARGO_PKG_VERSION"),
        own_sha256(),
        request.pid
    );
    match request.dump() {
        Ok(status) => {
            eprintln!("kata-agent: criu: {status}");
            status.code().unwrap_or(1)
        }
        Err(error) => {
            eprintln!("kata-agent: checkpoint of process {}: {error}", request.pid);
            1
        }
    }
}

fn main() {
    let mut args = env::args().skip(1);
    match args.next().as_deref() {
        Some("--version") => println!("kata-agent version {} (lab)", env!("CARGO_PKG_VERSION")),
        Some("checkpoint") => exit(checkpoint(args)),
        _ => usage(),
    }
}

//! How much memory a process has had resident, where the system tells (Linux).

use std::fs;

/// The most bytes that the process of that id, or this one, has had resident.
///
/// # Errors
/// Why it is not known, in one line.
pub fn peak_resident(process: Option<u32>) -> Result<u64, String> {
    field(process, "VmHWM:")
}

/// The bytes that this process has resident now. Its peak begins again from here.
pub(crate) fn resident_from_here() -> Result<u64, String> {
    let file = "/proc/self/clear_refs";
    fs::write(file, "5").map_err(|error| format!("cannot write {file}: {error}"))?;
    field(None, "VmRSS:")
}

fn field(process: Option<u32>, name: &str) -> Result<u64, String> {
    let process = process.map_or("self".to_owned(), |id| id.to_string());
    let file = format!("/proc/{process}/status");
    let status =
        fs::read_to_string(&file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let bytes = kilobytes.and_then(|count| count.trim().parse::<u64>().ok());
    let bytes = bytes.map(|count| count << 10);
    bytes.ok_or_else(|| format!("{file} does not tell {name} in kB"))
}

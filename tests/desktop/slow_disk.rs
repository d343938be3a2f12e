//! A disk that takes 300 ms for each flush of the settings: a library that the program under test is started with.

use std::fs;
use std::path::PathBuf;

use crate::failure::Outcome;
use crate::monitor::Home;
use crate::preload;

/// What the library does, for the C compiler that also links the program.
const SOURCE: &str = include_str!("slow_disk.c");

/// The library, and where it counts.
pub(crate) struct SlowDisk {
    library: PathBuf,
    config: PathBuf,
    count: PathBuf,
}

impl SlowDisk {
    /// Builds the library for one operator's settings.
    ///
    /// # Errors
    ///
    /// Without a C compiler.
    pub(crate) fn below(home: &Home) -> Outcome<Self> {
        let library = preload::build(home, "slow_disk", SOURCE)?;
        Ok(Self { library, config: fs::canonicalize(home.config())?, count: home.root().join("flushes") })
    }

    /// What the program is started with.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        let text = |path: &PathBuf| path.display().to_string();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FLUSHED_SLOWLY", text(&self.config)),
            ("FLUSH_COUNT", text(&self.count)),
        ]
    }

    /// How often the settings were flushed, slowly.
    pub(crate) fn flushes(&self) -> u64 {
        fs::metadata(&self.count).map_or(0, |counted| counted.len())
    }
}

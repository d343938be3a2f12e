//! A disk that takes 300 ms for each flush of the settings: a library preloaded into the program under test.

use std::fs;
use std::path::PathBuf;

use crate::failure::Outcome;
use crate::monitor::Home;
use crate::preload;

/// The library's source, for the C compiler that also links the program.
const SOURCE: &str = include_str!("slow_disk.c");

/// The library, and the file of its counter.
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
    /// Fails without a C compiler.
    pub(crate) fn below(home: &Home) -> Outcome<Self> {
        let library = preload::build(home, "slow_disk", SOURCE)?;
        Ok(Self { library, config: fs::canonicalize(home.config())?, count: home.root().join("flushes") })
    }

    /// The environment to start the program with.
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

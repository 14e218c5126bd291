//! Power cuts: what the broker has written and not brought to the disk is lost, or a part of it.

use std::fs;

use crate::broker::{DISK, Start};
use crate::disk::{self, Disk, Unsynced};
use crate::random::Random;
use crate::rounds::{Trouble, replace_folder};

/// Each broker ends with a power cut.
#[derive(Default)]
pub struct PowerCut {
    /// As it was when the broker was started.
    disk: Option<Disk>,
}

impl Trouble for PowerCut {
    fn name(&self) -> &'static str {
        "power"
    }

    fn before(&mut self, start: &mut Start, _: &mut Random) {
        let (root, trace) = (start.folder.join(DISK), start.folder.join("trace"));
        fs::create_dir_all(&root).expect("a folder is made");
        let _ = fs::remove_file(&trace);
        self.disk = Some(Disk::new(&root));
        start.environment = disk::environment(&root).into();
        start.environment.push(("DISK_TRACE", trace));
    }

    fn after(&mut self, start: &Start, random: &mut Random) {
        let Some(mut disk) = self.disk.take() else { return };
        let trace = fs::read(start.folder.join("trace")).unwrap_or_default();
        disk::records(&trace).iter().for_each(|record| disk.apply(record));
        let unsynced = [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn];
        let unsynced = unsynced[random.below(3) as usize];
        let image = start.folder.join("image");
        disk.write_to(&image, unsynced, random);
        replace_folder(&image, &start.folder.join(DISK));
    }
}

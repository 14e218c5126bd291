//! A disk that is full for a while, again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mqtt::{Packet, Properties, Publish, QoS};

use crate::broker::{DISK, Start};
use crate::connection::{Incoming, Login, Lost};
use crate::disk;
use crate::load::version;
use crate::pause::pause;
use crate::random::Random;
use crate::rounds::Trouble;
use crate::scene::Scene;

/// Each broker has a full disk once; some are killed meanwhile.
pub struct FullDisk {
    space: Space,
}

/// How the disk is filled.
enum Space {
    /// Writes are told that there is no space left.
    Told { control: PathBuf },
    /// A file system of its own has none left.
    Mounted { folder: Option<PathBuf> },
}

/// How long a broker may take until it serves again.
const PATIENCE: Duration = Duration::from_secs(20);

impl FullDisk {
    /// Its writes fail as if the disk was full.
    pub fn told() -> FullDisk {
        FullDisk { space: Space::Told { control: PathBuf::new() } }
    }

    /// A file system in memory, which takes root to mount.
    pub fn mounted() -> FullDisk {
        FullDisk { space: Space::Mounted { folder: None } }
    }

    fn fill(&self) {
        match &self.space {
            Space::Told { control } => disk::limit(control, 0, false),
            Space::Mounted { folder } => {
                let ballast = folder.iter().map(|folder| folder.join("ballast"));
                // It ends when there is no space.
                ballast.for_each(|path| _ = fs::write(path, vec![1; 1 << 27]));
            }
        }
    }

    fn empty(&self) {
        match &self.space {
            Space::Told { control } => disk::limit(control, u64::MAX, false),
            Space::Mounted { folder } => {
                let ballast = folder.iter().map(|folder| folder.join("ballast"));
                ballast.for_each(|path| _ = fs::remove_file(path));
            }
        }
    }
}

impl Trouble for FullDisk {
    fn name(&self) -> &'static str {
        "full"
    }

    fn before(&mut self, start: &mut Start, _: &mut Random) {
        let root = start.folder.join(DISK);
        fs::create_dir_all(&root).expect("a folder is made");
        match &mut self.space {
            Space::Told { control } => {
                *control = start.folder.join("control");
                start.environment = disk::environment(&root).into();
                start.environment.push(("DISK_CONTROL", control.clone()));
            }
            Space::Mounted { folder: Some(_) } => {}
            Space::Mounted { folder } => {
                mount(&root);
                *folder = Some(root);
            }
        }
        self.empty();
    }

    fn during(&mut self, life: Duration, scene: &Scene, random: &mut Random) {
        pause(life / 2);
        self.fill();
        scene.ledger.note("the disk is full".into());
        pause(life / 2);
        if let Err(lost) = qos_0_goes_on(scene) {
            scene.ledger.fault(format!("no QoS 0 while the disk is full: {lost:?}"));
        }
        if random.once_in(3) {
            return;
        }
        self.empty();
        scene.ledger.note("the disk has space".into());
        let (before, begin) = (scene.ledger.acknowledged(), Instant::now());
        // What was on its way before does not count.
        while scene.ledger.acknowledged() < before + 200 {
            if begin.elapsed() > PATIENCE {
                scene.ledger.fault("the disk has space, and nothing is acknowledged".into());
                return;
            }
            pause(Duration::from_millis(20));
        }
    }

    fn may_say(&self, line: &str) -> bool {
        line.contains("full") || line.contains("StorageFull")
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        if let Space::Mounted { folder: Some(folder) } = &self.space {
            let _ = Command::new("umount").arg("--lazy").arg(folder).status();
        }
    }
}

fn mount(folder: &Path) {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=100m", "tmpfs"]).arg(folder);
    assert!(mount.status().expect("mount runs").success(), "mount needs root");
}

/// From a client without a session to itself.
fn qos_0_goes_on(scene: &Scene) -> Result<(), Lost> {
    let Some(address) = scene.address.wait() else { return Ok(()) };
    let (mut connection, _) =
        Login::clean(version(5), scene.client_id("qos-0")).connect(address)?;
    let topic = scene.topic("now");
    connection.subscribe(1, &topic, QoS::AtMostOnce)?;
    connection.send(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        packet_id: 0,
        topic: &topic,
        properties: Properties::EMPTY,
        payload: b"now",
    }))?;
    while !matches!(connection.expect()?, Incoming::Publish(_)) {}
    connection.disconnect();
    Ok(())
}

//! A disk of one's own: a small ext4 in a file, mounted.

use anyhow::{Context, Result, bail};
use rustix::fs::{FallocateFlags, fallocate};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::run::{run, until};

/// The file that fills a disk.
const FILLER: &str = "filler";
/// How long a device may be held after its disk was unmounted.
const FREE: Duration = Duration::from_secs(10);

/// A disk; unmounted when dropped. Whoever writes to it must be gone by then.
pub struct Disk {
    image: PathBuf,
    place: PathBuf,
}

impl Disk {
    /// An empty disk of so many MiB.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn new(folder: &Path, name: &str, mib: u64) -> Result<Self> {
        let (image, place) = (folder.join(format!("{name}.img")), folder.join(name));
        File::create(&image)?.set_len(mib << 20)?;
        fs::create_dir_all(&place)?;
        let disk = Self { image, place };
        disk.make()?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// Leaves no byte free.
    ///
    /// # Errors
    /// When it fails otherwise than by being full.
    pub fn fill(&self) -> Result<()> {
        let path = self.place.join(FILLER);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        // Reserved, which writes nothing; what somebody else lets go meanwhile is next to nothing.
        for shift in (16..28).rev() {
            while fallocate(&file, FallocateFlags::empty(), file.metadata()?.len(), 1 << shift)
                .is_ok()
            {}
        }
        for piece in [vec![1_u8; 1 << 16], vec![1; 1 << 10], vec![1]] {
            loop {
                match file.write(&piece) {
                    Ok(_) => {}
                    Err(why) if why.kind() == ErrorKind::StorageFull => break,
                    Err(why) => return Err(why).context("the disk cannot be filled"),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// When the filler stays.
    pub fn free(&self) -> Result<()> {
        match fs::remove_file(self.place.join(FILLER)) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why.into()),
            _ => Ok(()),
        }
    }

    /// The file system finds an error in itself and is read-only from now on, open files included.
    ///
    /// # Errors
    /// When this kernel has no such trigger.
    pub fn fail(&self) -> Result<()> {
        let device = run("findmnt", &["-no", "SOURCE", &self.place.to_string_lossy()])?;
        let device = device.trim().trim_start_matches("/dev/").to_owned();
        let trigger = Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error");
        // The write itself may be answered with the error it made.
        let _ = fs::write(&trigger, "nemesis").with_context(|| trigger.display().to_string());
        let probe = File::create(self.place.join("probe"));
        match probe {
            Err(why) if why.kind() == ErrorKind::ReadOnlyFilesystem => Ok(()),
            other => bail!("the disk was told to fail and says {other:?}"),
        }
    }

    /// Mounts it anew, checked. Nobody may have a file open on it.
    ///
    /// # Errors
    /// When somebody has, or the check finds what it cannot mend.
    pub fn mend(&self) -> Result<()> {
        self.unmount()?;
        // 1: something was corrected, which after an error is to be expected.
        let checked = run("e2fsck", &["-p", "-f", &self.image.to_string_lossy()]);
        if let Err(why) = checked
            && !why.to_string().contains("status: 1:")
        {
            return Err(why);
        }
        self.mount()
    }

    /// Puts an empty disk in its place.
    ///
    /// # Errors
    /// When somebody has a file open on it.
    pub fn renew(&self) -> Result<()> {
        self.unmount()?;
        self.make()?;
        self.mount()
    }

    fn make(&self) -> Result<()> {
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &self.image.to_string_lossy()])?;
        Ok(())
    }

    fn mount(&self) -> Result<()> {
        let (image, place) = (self.image.to_string_lossy(), self.place.to_string_lossy());
        run("mount", &["-o", "loop,errors=remount-ro", &image, &place])?;
        Ok(())
    }

    fn unmount(&self) -> Result<()> {
        run("umount", &[&self.place.to_string_lossy()])?;
        // The device lets go of the file a moment later; before that it is the old disk still.
        let image = self.image.to_string_lossy();
        until("the disk's device to be free", FREE, || {
            Ok(run("losetup", &["-j", &image])?.trim().is_empty())
        })?;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.unmount().is_err() {
            // Somebody still has a file open: it goes away with them.
            let _ = run("umount", &["-l", &self.place.to_string_lossy()]);
        }
        // What is left is a file in a folder that is removed as a whole.
        let _ = fs::remove_file(&self.image);
    }
}

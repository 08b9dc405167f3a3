//! Permits as values: dropping one gives it back.

use std::sync::Arc;

use super::Semaphore;

/// Permits of a [`Semaphore`], given back when this is dropped.
#[must_use = "dropping it gives the permit back at once"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
}

/// Permits of a [`Semaphore`] that keep it alive, given back when this is dropped.
///
/// # Examples
/// ```
/// use filch_sync::Semaphore;
/// use std::sync::Arc;
///
/// let connections = Arc::new(Semaphore::new(100));
/// let permit = connections.clone().try_acquire_owned().unwrap();
/// let connection = std::thread::spawn(move || {
///     let _permit = permit; // until the connection ends
/// });
/// connection.join().unwrap();
/// assert_eq!(connections.available_permits(), 100);
/// ```
#[must_use = "dropping it gives the permit back at once"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

impl<'a> SemaphorePermit<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, permits: u32) -> Self {
        SemaphorePermit { semaphore, permits }
    }

    /// Takes the permits out of the semaphore for good.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::Semaphore;
    /// let semaphore = Semaphore::new(5);
    /// semaphore.try_acquire_many(2).unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this.
    ///
    /// # Panics
    /// If they are of different semaphores, or more than `u32::MAX` together.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::Semaphore;
    /// let semaphore = Semaphore::new(5);
    /// let mut all = semaphore.try_acquire().unwrap();
    /// all.merge(semaphore.try_acquire_many(2).unwrap());
    /// assert_eq!(all.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits = sum(self.permits, other.permits);
        other.permits = 0;
    }

    /// Splits `n` permits off. `None` if this holds fewer.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::Semaphore;
    /// let semaphore = Semaphore::new(5);
    /// let mut four = semaphore.try_acquire_many(4).unwrap();
    /// let one = four.split(1).unwrap();
    /// assert_eq!((four.num_permits(), one.num_permits()), (3, 1));
    /// assert!(four.split(4).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let n = part(&mut self.permits, n)?;
        Some(SemaphorePermit { semaphore: self.semaphore, permits: n })
    }

    /// The semaphore that this is from.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl OwnedSemaphorePermit {
    #[inline]
    pub(super) fn new(semaphore: Arc<Semaphore>, permits: u32) -> Self {
        OwnedSemaphorePermit { semaphore, permits }
    }

    /// Takes the permits out of the semaphore for good.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this.
    ///
    /// # Panics
    /// If they are of different semaphores, or more than `u32::MAX` together.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits = sum(self.permits, other.permits);
        other.permits = 0;
    }

    /// Splits `n` permits off. `None` if this holds fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let n = part(&mut self.permits, n)?;
        Some(OwnedSemaphorePermit { semaphore: self.semaphore.clone(), permits: n })
    }

    /// The semaphore that this is from.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

/// The permits of two together. A wrapped sum would lose permits: better to panic.
#[track_caller]
fn sum(a: u32, b: u32) -> u32 {
    a.checked_add(b).expect("more than u32::MAX permits in one value")
}

/// Takes `n` off `permits`, if there are so many.
fn part(permits: &mut u32, n: usize) -> Option<u32> {
    let n = u32::try_from(n).ok()?;
    *permits = permits.checked_sub(n)?;
    Some(n)
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits as usize);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits as usize);
    }
}

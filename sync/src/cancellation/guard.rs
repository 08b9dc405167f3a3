//! Guards that cancel when they are dropped.

use super::CancellationToken;

/// Cancels its token when dropped. From [`CancellationToken::drop_guard`].
///
/// # Examples
/// Whatever ends the function, an error or a panic too, ends what it has started:
/// ```
/// use filch_sync::CancellationToken;
///
/// fn serve(token: CancellationToken) -> Result<(), &'static str> {
///     let _guard = token.clone().drop_guard();
///     // ... starts tasks with `token.child_token()` ...
///     Err("the address is in use")
/// }
///
/// let token = CancellationToken::new();
/// assert!(serve(token.clone()).is_err());
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "dropping it cancels at once"]
pub struct DropGuard {
    /// `None` once disarmed.
    token: Option<CancellationToken>,
}

/// Cancels a borrowed token when dropped. From [`CancellationToken::drop_guard_ref`].
#[derive(Debug)]
#[must_use = "dropping it cancels at once"]
pub struct DropGuardRef<'a> {
    /// `None` once disarmed.
    token: Option<&'a CancellationToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        DropGuard { token: Some(token) }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect("armed while it exists")
    }

    /// The token, without cancelling it.
    #[must_use = "use `drop` to give the token up"]
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("armed while it exists")
    }
}

impl<'a> DropGuardRef<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        DropGuardRef { token: Some(token) }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token.expect("armed while it exists")
    }

    /// The token, without cancelling it.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect("armed while it exists")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            token.cancel();
        }
    }
}

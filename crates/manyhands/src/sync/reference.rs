//! What all references to objects of the arena have in common, whatever primitive stands there.
//!
//! A reference is made of a handle, gives its handle, is cloned, and travels to other processes. It shows itself by its
//! number in the arena, and by what its primitive adds.

/// Makes a type around a raw primitive, which stands in the arena, a reference to it. `what` is the primitive's name;
/// after it come the methods whose answers `Debug` shows.
macro_rules! reference {
    ($name:ident($raw:ident), $what:literal $(, $field:literal: $shown:ident)?) => {
        impl $name {
            #[doc = concat!("The ", $what, " that a handle names.")]
            ///
            /// # Errors
            #[doc = concat!("When it is gone or no ", $what, ".")]
            pub fn attach(handle: crate::arena::Handle) -> Result<Self, crate::arena::ArenaError> {
                $raw::attach(handle).map($name)
            }

            #[doc = concat!("What names the ", $what, " to other processes.")]
            pub fn handle(&self) -> crate::arena::Handle {
                self.0.handle().expect(concat!("a shared ", $what, " stands in the arena"))
            }
        }

        impl Clone for $name {
            fn clone(&self) -> Self {
                $name(self.0.clone_shared().expect(concat!("a shared ", $what, " stands in the arena")))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = formatter.debug_struct(stringify!($name));
                shown.field("number", &self.handle().index());
                $(shown.field($field, &self.$shown());)?
                shown.finish_non_exhaustive()
            }
        }

        crate::arena::travels!($name);
    };
}
pub(super) use reference;

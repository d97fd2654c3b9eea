"""The pages behind the log-in: one module a thing, each listing its own as `PAGES`; `menu` has them all."""

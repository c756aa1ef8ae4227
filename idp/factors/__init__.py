"""Second factors: what people have beside a first proof, and who must have one."""

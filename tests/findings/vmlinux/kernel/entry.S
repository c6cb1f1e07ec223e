/* Assembler has lines and no functions. */
	.text
	.globl entry
	.type entry, @function
entry:
	nop
	ret
	.size entry, .-entry

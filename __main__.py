"""The program: stack -> mesh -> lint -> components -> outputs, in chatgpt_mesh/program.py."""

from chatgpt_mesh import program

program.run()

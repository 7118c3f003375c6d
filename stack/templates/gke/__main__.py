from chatgpt_mesh import program

program.run()

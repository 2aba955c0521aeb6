"""Prints what docker's own client reads from an --env-file: the environment of the container that it
asks a daemon to create. The daemon here only answers; it makes no container.

    docker_env.py DIRECTORY FILE
"""
import http.server
import json
import socketserver
import subprocess
import sys
import threading


class Daemon(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status=200, body=b'{}'):
        self.send_response(status)
        self.send_header('Api-Version', '1.41')
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_GET = do_HEAD = answer

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        print(*request['Env'], sep='\n', flush=True)
        self.answer(201, b'{"Id": "none"}')

    def log_message(self, *_):
        pass

    def address_string(self):
        return ''


directory, file = sys.argv[1:]
path = directory + '/docker.sock'
server = socketserver.UnixStreamServer(path, Daemon)
threading.Thread(target=server.serve_forever, daemon=True).start()
subprocess.run(['docker', '-H', 'unix://' + path, 'create', '--pull=never', '--env-file', file, 'image'],
               stdout=subprocess.DEVNULL, check=True)
